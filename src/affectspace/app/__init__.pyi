from .service import create_app as create_app
from .settings import Limits as Limits
from .settings import Settings as Settings
