"""Sentences in many scripts, written for the tests, and strategies that make examples of every format out of their words."""

from __future__ import annotations

from random import Random

from hypothesis import strategies as st

from xstilts.attacks.attack import Pool
from xstilts.formats.bitext_mining import PoolExample
from xstilts.formats.bitext_retrieval import BitextRetrievalExample
from xstilts.formats.choice import ChoiceExample
from xstilts.formats.classify import ClassifyExample
from xstilts.formats.format import Example
from xstilts.formats.image_pair import ImagePairExample
from xstilts.formats.span import SpanAnswer, SpanExample
from xstilts.formats.tag import TagExample

SENTENCES = {
    "en": 'In 1987 the painter Martha Keller sold "Blue Harbour" to Robert Lindqvist for 4,500 pounds; https://example.org/a1.',
    "de": "Im Jahr 1987 verkaufte die Malerin das schöne Gemälde über den Fluss für 4.500 Mark an den größten Händler.",
    "fr": "En 1987, l'élève de Martha Keller vendit déjà le château à Robert pour 350 francs !",
    "es": "En 1987 la pintora Martha Keller vendió el pequeño cuadro a Robert; ¿quién sabía por qué?",
    "tr": "1987 yılında ressam İsmail Işık, küçük tabloyu Robert'a 350 liraya sattı.",
    "vi": "Năm 1987, họa sĩ đã bán bức tranh nhỏ cho người bạn cũ với giá 350 đồng.",
    "ru": "В 1987 году художница Марта Келлер продала ёлочный рисунок Роберту за 350 рублей.",
    "bg": "През 1987 година художничката Марта Келер продаде картината на Роберт.",
    "el": "Το 1987 η ζωγράφος Μάρθα Κέλερ πούλησε τον μικρό πίνακα στον Ρόμπερτ.",
    "ka": "მხატვარმა 1987 წელს პატარა სურათი მეგობარს მიჰყიდა.",
    "ar": "في عام 1987 باعت الرسامة اللوحة الصغيرة لصديقها القديم بمبلغ 350 دينارا.",
    "fa": "نقاش در سال ۱۹۸۷ تابلوی کوچک را به دوست قدیمی‌اش فروخت و می‌خواست برود.",
    "he": "בשנת 1987 מכרה הציירת את התמונה הקטנה לחבר הוותיק שלה.",
    "hi": "चित्रकार ने 1987 में अपने पुराने मित्र को छोटी तस्वीर बेच दी और क्षमा माँगी।",
    "ta": "ஓவியர் 1987 இல் சிறிய படத்தைத் தன் பழைய நண்பருக்கு விற்றார்.",
    "te": "చిత్రకారిణి 1987 లో చిన్న చిత్రాన్ని తన పాత స్నేహితుడికి అమ్మింది.",
    "th": "จิตรกรขายภาพวาดเล็กให้เพื่อนเก่าในปี 1987 ราคา 350 บาท",
    "my": "ပန်းချီဆရာသည် ၁၉၈၇ ခုနှစ်တွင် ပန်းချီကားကို ရောင်းခဲ့သည်။",
    "ko": "화가는 1987년에 작은 그림을 오래된 친구에게 팔아버렸다고 말했다.",
    "ja": "画家は1987年にパソコンとカメラを古い友人に350円で売りました。",
    "zh": "1987年，画家把一幅小画以350元的价格卖给了ABC公司的老朋友。",
    "sw": "Mwaka 1987 mchoraji Martha aliuza picha ndogo kwa rafiki yake wa zamani.",
}
UNSPACED = {"th", "my", "ja", "zh"}
PLACEHOLDER = "NS"
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@st.composite
def make_text(draw: st.DrawFn, language: str) -> str:
    """Pieces of the sentence of a language in any order."""
    if draw(st.integers(0, 19)) == 0:
        return PLACEHOLDER
    sentence = SENTENCES[language]
    if language in UNSPACED:
        start = draw(st.integers(0, len(sentence) - 6))
        return sentence[start:] + sentence[: draw(st.integers(0, start))]
    words = draw(st.lists(st.sampled_from(sentence.split()), min_size=1, max_size=12))
    return " ".join(words)


@st.composite
def make_example(draw: st.DrawFn, kind: type[Example], language: str, id: str = "e") -> Example:
    texts = make_text(language)
    if kind is ClassifyExample:
        one, other = draw(texts), draw(texts)
        label = draw(st.sampled_from(("0", "1", "entailment", "contradiction", "neutral")))
        return ClassifyExample(id, (one, draw(st.sampled_from((one, other)))), label)
    if kind is ChoiceExample:
        return ChoiceExample(id, draw(texts), (draw(texts), draw(texts)), draw(st.integers(0, 1)))
    if kind is SpanExample:
        context = draw(texts)
        spans = draw(st.lists(st.tuples(st.integers(0, len(context)), st.integers(0, len(context))), max_size=3))
        cut = [(min(a, b), max(a, b)) for a, b in spans]
        golds = tuple(SpanAnswer(context[a:b], a) for a, b in cut if context[a:b].strip())
        return SpanExample(id, draw(texts), context, draw(st.sampled_from((golds, golds, None))))
    if kind is TagExample:
        words = draw(texts).split() or [PLACEHOLDER]
        return TagExample(id, tuple(words), tuple(draw(st.sampled_from(TAGS)) for _ in words))
    if kind is ImagePairExample:
        picture, label = (draw(st.sampled_from(some)) for some in (("a", "b", "c", ""), ("entailment", "neutral")))
        return ImagePairExample(id, picture, draw(texts), label)
    if kind is PoolExample:
        role = draw(st.sampled_from(("query", "candidate")))
        return PoolExample(id, draw(texts), "", role, ("c1",) if role == "query" else None)
    return BitextRetrievalExample(id, draw(texts), "An English sentence.", id)


@st.composite
def make_pool(draw: st.DrawFn, kind: type[Example], language: str) -> Pool:
    """Some examples, "e" among them, and the same ones in two more languages where that makes sense."""
    first = draw(make_example(kind, language))
    same = [first, *(draw(make_example(kind, language, f"p{number}")) for number in range(4))]
    parallel = {language: {example.id: example for example in same}}
    if kind in (ClassifyExample, SpanExample):
        for code in ("es", "ru"):
            if code != language:
                translated = {e.id: draw(make_example(kind, code, e.id)) for e in same}
                parallel[code] = {id: translated[id] for id in Random(draw(st.integers(0, 9))).sample(sorted(translated), 2)}
    return Pool(same, parallel)
