"""stub"""


def write_results(study):
    from affectspace.experiments.manifold.measure import measure

    m = measure(study)
    m.write(study.out / "metrics.json")
    return study.out / "metrics.json"
