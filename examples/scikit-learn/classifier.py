"""A random forest that tells tumours apart: accurate, or small?"""

import random

import numpy as np
from sklearn.datasets import load_breast_cancer
from sklearn.ensemble import RandomForestClassifier
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from optimize import Trial, simulator

X, Y = load_breast_cancer(return_X_y=True)
# The same folds in every trial, so that trials can be compared.
FOLDS = list(StratifiedKFold(5, shuffle=True, random_state=0).split(X, Y))


@simulator(metrics=["loss", "leaves"])
def classifier(
    trees: int, depth: int, features: float, leaf: int, *, rng: random.Random, trial: Trial
):
    """Cross-validated log loss, and the leaves of the whole forest: how much there is to store.

    A cost that is counted, not timed: times differ from run to run.
    """
    losses, leaves = [], []
    for fold, (train, test) in enumerate(FOLDS[: trial.budget or len(FOLDS)], 1):
        forest = RandomForestClassifier(
            n_estimators=trees,
            max_depth=depth,
            max_features=features,
            min_samples_leaf=leaf,
            random_state=rng.getrandbits(32),
        ).fit(X[train], Y[train])
        losses.append(log_loss(Y[test], forest.predict_proba(X[test])))
        leaves.append(sum(tree.get_n_leaves() for tree in forest.estimators_))
        trial.report(fold, loss=np.mean(losses), leaves=np.mean(leaves))
        if trial.should_stop:
            break
    return np.mean(losses), np.mean(leaves)


if __name__ == "__main__":
    classifier.serve()
