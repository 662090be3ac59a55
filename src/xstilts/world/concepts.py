"""The concepts of the world, their parts of speech, and which of them go together.

A concept is named by its English word. The 40 nouns are in 8 categories, which are their hypernyms. Verbs and adjectives come
in antonym pairs, and a verb pair prefers the nouns of one or two categories. Preferences differ from pair to pair, because this
asymmetry makes languages identifiable from monolingual text.
"""

CATEGORIES: dict[str, tuple[str, ...]] = {
    "animal": ("dog", "horse", "cat", "goat", "bird"),
    "food": ("bread", "soup", "apple", "cheese", "rice"),
    "tool": ("knife", "hammer", "rope", "ladder", "brush"),
    "vehicle": ("cart", "boat", "train", "bicycle", "truck"),
    "furniture": ("table", "chair", "bed", "shelf", "lamp"),
    "clothing": ("shirt", "coat", "hat", "shoe", "scarf"),
    "instrument": ("drum", "flute", "piano", "guitar", "bell"),
    "building": ("house", "tower", "barn", "bridge", "temple"),
}
# The domains of inference by domain: two categories, and the verbs that prefer one of them (four pairs; several are in two
# domains).
DOMAINS: dict[str, tuple[str, ...]] = {
    "farm": ("animal", "food"),
    "road": ("vehicle", "building"),
    "home": ("furniture", "clothing"),
    "craft": ("tool", "instrument"),
}
CATEGORY_OF = {noun: category for category, nouns in CATEGORIES.items() for noun in nouns}
NOUNS = tuple(noun for rank in range(5) for noun in (nouns[rank] for nouns in CATEGORIES.values()))

VERB_PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    ("buy", "sell"): ("food", "clothing"),
    ("find", "lose"): ("tool", "clothing"),
    ("push", "pull"): ("vehicle", "furniture"),
    ("build", "destroy"): ("building", "furniture"),
    ("feed", "starve"): ("animal",),
    ("lift", "drop"): ("tool", "instrument"),
    ("heat", "cool"): ("food", "building"),
    ("praise", "blame"): ("animal", "instrument"),
    ("open", "close"): ("building", "vehicle"),
    ("tune", "break"): ("instrument",),
}
VERBS = tuple(verb for pair in VERB_PAIRS for verb in pair)
PREFERS = {verb: categories for pair, categories in VERB_PAIRS.items() for verb in pair}

ADJECTIVE_PAIRS: dict[tuple[str, str], tuple[str, ...]] = {
    ("big", "small"): ("animal", "vehicle", "building"),
    ("old", "new"): ("clothing", "vehicle", "furniture"),
    ("hot", "cold"): ("food",),
    ("good", "bad"): ("food", "animal"),
    ("long", "short"): ("tool", "clothing"),
    ("loud", "quiet"): ("instrument", "animal"),
    ("clean", "dirty"): ("clothing", "furniture", "tool"),
    ("tall", "low"): ("building", "furniture"),
}
ADJECTIVES = tuple(adjective for pair in ADJECTIVE_PAIRS for adjective in pair)
SUITS = {
    category: tuple(a for pair, categories in ADJECTIVE_PAIRS.items() if category in categories for a in pair)
    for category in CATEGORIES
}
ANTONYM = {a: b for x, y in (*VERB_PAIRS, *ADJECTIVE_PAIRS) for a, b in ((x, y), (y, x))}

PLACES = ("garden", "market", "school", "forest", "river", "hill")
TIMES = ("yesterday", "today", "tomorrow", "monday", "winter", "night")
DIGITS = ("2", "3", "4", "5")
GIVEN = (
    *("ana", "boris", "carla", "david", "elena", "farid", "greta", "hugo"),
    *("irina", "jonas", "karim", "lena", "mario", "nadia", "oscar", "petra"),
)
FAMILY = ("rivera", "novak", "tanaka", "okoye", "larsen", "haddad", "moreau", "silva")
CITIES = ("torin", "belmar", "quito", "sparta", "ankora", "lisova", "nairo", "osmund")
NAMES = (*GIVEN, *FAMILY, *CITIES)

ADPOSITIONS = ("in", "near")
TENSES = ("", "did", "will")
WH = {"agent": "who", "patient": "what", "place": "where", "time": "when"}
ARTICLE, NEGATION, OBJECT, COMPANY = "the", "not", "-obj", "company"
PUNCTUATION = (".", "?", ",")

TAG_OF: dict[str, str] = {
    **dict.fromkeys((*NOUNS, *CATEGORIES, *PLACES), "NOUN"),
    **dict.fromkeys(VERBS, "VERB"),
    **dict.fromkeys(ADJECTIVES, "ADJ"),
    **dict.fromkeys(TIMES, "ADV"),
    **dict.fromkeys(DIGITS, "NUM"),
    **dict.fromkeys(NAMES, "PROPN"),
    **dict.fromkeys(ADPOSITIONS, "ADP"),
    **dict.fromkeys(WH.values(), "PRON"),
    ARTICLE: "DET",
    **dict.fromkeys((NEGATION, OBJECT), "PART"),
    **dict.fromkeys(("did", "will", "is"), "AUX"),
    **dict.fromkeys(("kind", COMPANY), "NOUN"),
    **dict.fromkeys(PUNCTUATION, "PUNCT"),
}
TAGS = tuple(sorted(set(TAG_OF.values())))
