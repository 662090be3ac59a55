"""The codec of each trained format, by the format's name."""

from xstilts.model.codecs.choice import ChoiceCodec
from xstilts.model.codecs.classify import ClassifyCodec
from xstilts.model.codecs.codec import Codec
from xstilts.model.codecs.image_pair import ImagePairCodec
from xstilts.model.codecs.mlm import MlmCodec
from xstilts.model.codecs.ranking import RankingCodec
from xstilts.model.codecs.span import SpanCodec
from xstilts.model.codecs.tag import TagCodec

CODECS: dict[str, type[Codec]] = {
    "classify": ClassifyCodec,
    "choice": ChoiceCodec,
    "tag": TagCodec,
    "span": SpanCodec,
    "mlm": MlmCodec,
    "image_pair": ImagePairCodec,
    "rank": RankingCodec,
}
