__version__: str
from .affect import CATEGORIES as CATEGORIES
from .affect import SCALES as SCALES
from .affect import Scale as Scale
from .annotation import AnnotationTransfer as AnnotationTransfer
from .corpora import Corpus as Corpus
from .corpora import read_corpus as read_corpus
from .errors import AffectspaceError as AffectspaceError
from .errors import ConfigError as ConfigError
from .errors import DataError as DataError
from .errors import RunError as RunError
from .errors import UnreadableItem as UnreadableItem
from .models import Levasa as Levasa
from .models import LevasaConfig as LevasaConfig
from .prediction import Prediction as Prediction
from .prediction import Predictor as Predictor
from .prediction import predict as predict
from .training.runs import load as load
