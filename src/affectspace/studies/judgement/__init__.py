"""How `affectspace evaluate` judges the run of a model on features, and `affectspace train --folds` several of them."""
