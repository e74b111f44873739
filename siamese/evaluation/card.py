"""The model card, weights/README.md, from config.json and metrics.json alone: no figure is typed.

Each section is a function from what was measured to lines of Markdown. What was not measured is
left out, and the card says so.
"""

from collections.abc import Iterable
from pathlib import Path

from siamese.checkpoint import Checkpoint
from siamese.evaluation import plots
from siamese.evaluation.card_parts import (
    Measured,
    Report,
    accuracy,
    calibrated_on,
    data_files,
    front_matter,
    operating_points,
    percent,
    rate,
    reproduce,
    table,
    trained_on,
    written_by,
)
from siamese.hub.card import mirrored

LICENSE_REASON = (
    "The code is MIT. The weights were trained on the photographs below, and the terms under which"
    " those may be used bind the weights too."
)
DATA_NOTES = {
    "train_fiw.zip": "Families in the Wild, the people of its training list (research use)",
    "train_celeba.zip": "CelebA by identity (non-commercial research)",
    "train_fiw_unlabelled.zip": "Families in the Wild, test pictures without identity",
    "train_unlabelled.zip": "UTKFace, SCUT-FBP5500, FFHQ and web portraits, without identity",
    "reference_fiw.npz": "embeddings of EdgeFace-XS (Idiap) for these pictures",
    "reference_celeba.npz": "embeddings of EdgeFace-XS (Idiap) for these pictures",
    "reference_fiw_unlabelled.npz": "embeddings of EdgeFace-XS (Idiap) for these pictures",
    "reference_unlabelled.npz": "embeddings of EdgeFace-XS (Idiap) for these pictures",
    "lfw.zip": "Labeled Faces in the Wild, deep-funneled: the photos of View 2, and up to 8 of"
    " everybody with 4 or more: test only",
    "lfw_pairs.txt": "the View 2 list of pairs: test only",
    "test_groups.zip": "UTKFace, one picture each, look-alikes removed: test only",
}
# Of which protocols or training files a limit speaks: one of them there must be, if any is named.
LIMITS: tuple[tuple[set[str], str], ...] = (
    (
        {"lfw"},
        """\
- One figure on LFW is not the whole story: its people are mostly white, male, adult and well lit,
  and networks with far higher figures there have failed on balanced sets.""",
    ),
    (
        {"families"},
        """\
- Relatives look alike. The false match rate inside a family is far above the published one; see
  the table.""",
    ),
    (
        {"groups"},
        """\
- False matches by group are **understated**: pictures alike to another above 0.5 by the reference
  network were taken out of that set. It has one picture of each person, so false *non*-matches by
  group cannot be measured there at all. Its labels of age, sex and race are UTKFace's: guesses.""",
    ),
    (set(), "- There is no liveness check: a photo of a photo is a photo."),
    (
        {"train_fiw.zip", "train_celeba.zip"},
        "- Children change quickly, and few of them are in the training pictures.",
    ),
    (
        set(),
        "- The probability holds for a prior of one half and for photos like those it was fitted"
        " on.",
    ),
    (
        {name for name in DATA_NOTES if name.startswith("reference_")},
        """\
- The reference network that taught this one (EdgeFace-XS, Idiap) was trained by others on web
  photos of celebrities, people of LFW among them ("unrestricted, labeled outside data" in LFW's
  terms). This network saw no picture of LFW; people whom the reference takes for somebody there
  had been taken out of its training data.""",
    ),
)
MISUSE = """\
It must not be used to identify or follow people without their knowledge and consent, for policing,
border control, hiring, access to services, or any decision about a person that a person has not
checked; nor to guess who a stranger is. A "same" is a reason to look, never a proof."""


def render(checkpoint: Checkpoint, metrics: Report, folder: Path) -> str:
    """The whole card. `folder` is where the plots are looked for."""
    found = metrics["protocols"]
    sections = [
        _front_matter(checkpoint, found),
        _introduction(checkpoint, metrics),
        _section("Figures", _figures(found)),
        _section("Operating points and decisions", _operating_points(found)),
        _section("Probability", _probability(found)),
        _section("One photo against several people", _identification(found)),
        _section("Spoiled photos", _robustness(found)),
        _section("Warnings", [*_worse_photos(found), *_unusual_photos(found), *_warnings(found)]),
        _section("Explanations", _explanations(found)),
        _section("Families", _families(found)),
        _section("False matches by group", _groups(found)),
        _section("Plots", _plots(folder)),
        _section("Limits", [_limits(checkpoint, found)]),
        _section("What it must not be used for", [MISUSE]),
        _section("Data", _data(checkpoint, metrics)),
        _section("Audit", _audit(found)),
        _section("How to reproduce", [reproduce(checkpoint.config, metrics)]),
    ]
    return "\n\n".join(text for text in sections if text) + "\n"


def headline(found: Report) -> str:
    """The chief figures in one line, for a terminal."""
    if "lfw" not in found:
        return f"measured: {', '.join(found)}"
    lfw = found["lfw"]
    return (
        f"LFW View 2: {accuracy(lfw)}, AUC {lfw['auc']:.4f},"
        f" TAR at FAR 1 % {percent(lfw['tar_at_far_1']['value'])},"
        f" ECE {lfw['calibration']['ece']:.4f}"
    )


def summary(found: Report) -> str:
    """The few figures that the README quotes, as a table; `found` is metrics.json's protocols."""
    lfw, calibration = found["lfw"], found["lfw"]["calibration"]
    twenty = next(r for r in found["one_shot"] if r["ways"] == 20 and r["shots"] == 1)
    five = next(r for r in found["pick"] if r["ways"] == 5 and r["shots"] == 1)
    rows = [
        ("LFW View 2, 6,000 pairs", f"{accuracy(lfw)}, AUC {lfw['auc']:.4f}"),
        ("genuine pairs accepted at 1 % false matches", rate(lfw["tar_at_far_1"])),
        ("expected calibration error on LFW", f"{calibration['ece']:.3f}"),
        ("right one of 20 people, one photo of each", rate(twenty["correct"])),
        ("pick of 5: a stranger gets a name", rate(five["stranger_named"])),
    ]
    return table(("Measured on people the network never saw", ""), rows)


def _section(title: str, parts: Iterable[str]) -> str:
    text = "\n\n".join(part for part in parts if part)
    return f"## {title}\n\n{text}" if text else ""


def _front_matter(checkpoint: Checkpoint, found: Report) -> str:
    lfw = found.get("lfw")
    values = (
        {
            "accuracy": ("Accuracy, 10 folds", lfw["accuracy"]),
            "roc_auc": ("AUC", lfw["auc"]),
            "tar_at_far_1": ("TAR at FAR 1 %", lfw["tar_at_far_1"]["value"]),
            "ece": ("Expected calibration error", lfw["calibration"]["ece"]),
        }
        if lfw
        else {}
    )
    return front_matter(
        checkpoint.config,
        "siamese",
        ["siamese-network", "face-verification", "one-shot", "calibrated"],
        # What binds is known of the photographs that are known here, and of no others.
        "research-only" if trained_on(checkpoint.config) & set(DATA_NOTES) else "see-below",
        Measured("Face verification", "lfw", "LFW View 2", values, "test"),
    )


def _introduction(checkpoint: Checkpoint, metrics: Report) -> str:
    config = checkpoint.config
    size, twice = config.network.image_size, mirrored(config.network, "the face")
    parameters = sum(value.numel() for value in checkpoint.network.parameters())
    return f"""\
# Siamese face verification

Two identical twins with shared weights turn two aligned faces into vectors; a linear layer over
their element-wise absolute difference, with weights of at most zero, and a sigmoid turn these into
the probability that both show the same person (Koch, Zemel and Salakhutdinov 2015). The
probability is calibrated, for a prior of one half, on people whom the network never saw.

Backbone `{config.network.backbone}`, {parameters:,} parameters, input {size}x{size} px,
embedding of {config.network.embedding_size} numbers{twice}. Weights `{checkpoint.sha256}`.

{written_by(metrics)} A photo without a
face is an error in every headline figure, and counted apart as well."""


def _figures(found: Report) -> list[str]:
    if "lfw" not in found:
        return ["LFW has not been measured for these weights."]
    lfw = found["lfw"]
    failures = lfw["failures"]
    rows = [
        ("Accuracy (10 folds)", accuracy(lfw)),
        ("... without failures to acquire", percent(lfw["accuracy_without_failures"])),
        ("AUC", f"{lfw['auc']:.4f}"),
        ("Equal error rate", percent(lfw["eer"])),
        ("TAR at FAR 1 %", rate(lfw["tar_at_far_1"])),
        ("TAR at FAR 0.1 %", rate(lfw["tar_at_far_0_1"])),
        ("Failures to acquire", f"{len(failures['photos'])} photos, {failures['pairs']} pairs"),
    ]
    return [
        f"LFW View 2, {lfw['pairs']:,} pairs of original photos through the whole pipeline (photo,"
        " detection, alignment, network). The threshold of each fold comes from the other nine; ±"
        " is the standard error of the mean. FAR 0.1 % rests on"
        f" {lfw['impostor_pairs'] // 1000} impostor pairs of {lfw['impostor_pairs']:,}.",
        table(("LFW View 2", ""), rows),
    ]


def _operating_points(found: Report) -> list[str]:
    if "lfw" not in found:
        return []
    lfw = found["lfw"]
    answers = ("same", "uncertain", "different")
    shares = [
        (name, kind, *(percent(decisions[kind][answer]) for answer in answers))
        for name, decisions in lfw["decisions"].items()
        for kind in ("genuine", "impostor")
    ]
    return [
        "Thresholds are fitted on calibration people; the rates beside them are measured on LFW"
        " View 2.",
        operating_points(lfw["operating_points"]),
        table(("point", "pairs", *answers), shares),
    ]


def _probability(found: Report) -> list[str]:
    rows = []
    for title, report in _calibrated(found):
        rows.append(
            (
                title,
                f"{report['pairs']:,}",
                f"{report['ece']:.4f} ({report['ece_by_chance']:.4f})",
                f"{report['ece_middle']:.4f} ({report['ece_middle_by_chance']:.4f};"
                f" {report['pairs_middle']:,} pairs)",
                f"{report['brier']:.4f} ({report['brier_constant']:.2f})",
                f"{report['log_loss']:.4f} ({report['log_loss_constant']:.4f})",
            )
        )
    if not rows:
        return []
    head = ("", "pairs", "ECE", "ECE within 0.05 to 0.95", "Brier score", "log loss")
    return [
        "Expected calibration error (ECE) over 15 bins of equal mass, and in brackets what true"
        " probabilities would show on as many pairs by chance alone. Beside the Brier score and the"
        " log loss stand those of somebody who always says one half.",
        table(head, rows),
    ]


def _calibrated(found: Report) -> list[tuple[str, Report]]:
    reports = []
    if "lfw" in found:
        reports.append(("LFW View 2 (pipeline)", found["lfw"]["calibration"]))
    people = found.get("calibration_people")
    if people:
        title = f"held-out people ({people['people']:,}, crops)"
        reports.append((title, people["calibration"]))
        if "as_labelled" in people:
            excluded = people["excluded_pictures"]
            title = f"... with {excluded} pictures whose label the reference contradicts"
            reports.append((title, people["as_labelled"]["calibration"]))
    return reports


def _identification(found: Report) -> list[str]:
    parts = []
    if "one_shot" in found:
        rows = [
            (
                str(r["ways"]),
                str(r["shots"]),
                f"{r['people']:,}",
                rate(r["correct"]),
                percent(r["chance"], 0),
            )
            for r in found["one_shot"]
        ]
        parts.append("N-way one-shot on LFW people: another photo of one of N people.")
        parts.append(table(("ways", "support photos", "drawn from", "right", "chance"), rows))
    if "pick" in found:
        picks = [
            (
                str(r["ways"]),
                str(r["shots"]),
                *(percent(r[k]["value"]) for k in ("right_name", "wrong_name", "none")),
                percent(r["stranger_named"]["value"]),
            )
            for r in found["pick"]
        ]
        trials = found["pick"][0]["none"]["trials"]
        parts.append(
            "The product's pick at its shipped setting (probability one half for “none of these”"
            f" beforehand), {trials:,} enrolled queries and as many strangers a row."
        )
        head = ("people", "support photos", "right name", "wrong name", "none", "stranger named")
        parts.append(table(head, picks))
    for r in found.get("open_set", ()):
        parts.append(
            f"Open set, {r['enrolled']} enrolled people with {r['shots']} photo(s) each and"
            f" {r['strangers']:,} strangers: found and named at a false positive identification"
            f" rate of {percent(r['fpir'], 0)}: {rate(r['dir'])}; first in rank:"
            f" {rate(r['rank_one'])}."
        )
    return parts


def _robustness(found: Report) -> list[str]:
    if "robustness" not in found:
        return []
    report = found["robustness"]
    rows = [
        (
            name,
            percent(row["accuracy"]),
            percent(row["fnmr"]),
            percent(row["fmr"]),
            str(row["failed_pairs"]),
        )
        for name, row in report["rows"].items()
    ]
    pairs = report["rows"]["untouched"]["pairs"]
    return [
        f"The second photo of each of {pairs:,} LFW pairs is spoiled; decided at the operating"
        f" point {report['operating_point']}. A photo without a face is an error.",
        table(("second photo", "accuracy", "FNMR", "FMR", "pairs without a face"), rows),
    ]


def _worse_photos(found: Report) -> list[str]:
    if "worse_photos" not in found:
        return []
    report = found["worse_photos"]

    def row(name: str, step: str, data: Report) -> tuple[str, ...]:
        shares = (percent(data[key]) for key in ("fmr", "eer"))
        return name, step, rate(data["fnmr"]), *shares, percent(data["warned"], 0)

    rows = [row("untouched", "", report["untouched"])]
    for name, way in report["degradations"].items():
        for data in way["steps"]:
            harmful = " *" if data["step"] == way["first_harmful_step"] else ""
            rows.append(row(name, f"{data['step']:g}{harmful}", data))
    head = ("second crop", "step", "FNMR", "FMR", "EER", "warned of")
    return [
        f"The second crop of each of {report['pairs']:,} genuine pairs of {report['people']:,}"
        " validation people is spoiled step by step, in one way at a time; decided at the operating"
        f" point {report['operating_point']}. The product's limits are fixed in"
        " `siamese/quality.py`, read off such figures: * marks the first step at which FNMR is"
        f" {report['harm']} times that of untouched crops. The last column says how many the"
        " product warns of, for that reason; of untouched crops, for any.",
        table(head, rows),
    ]


def _unusual_photos(found: Report) -> list[str]:
    if "unusual_photos" not in found:
        return []
    report = found["unusual_photos"]
    rows = []
    for name, measure in report["measures"].items():
        for row in measure["ranges"]:
            harmful = " *" if row["from"] == measure["first_harmful_range"] else ""
            limits = f"from {row['from']:g}" + (f" to {row['to']:g}" if row["to"] else "")
            rows.append((name, limits + harmful, f"{row['photos']:,}", rate(row["fnmr"])))
    return [
        "Where a face looks and how sure the detector is cannot be put on; here are the"
        f" {report['photos']:,} stored crops of {report['people']:,} validation people, searched"
        f" again ({report['without_face']:,} without a face that way; the score in a whole photo"
        " may differ): genuine pairs of one crop in the range and one in the first,"
        " the ordinary range, at the operating point"
        f" {report['operating_point']}. Pairs of one person are not independent, so the intervals"
        f" are too narrow. * marks {report['harm']} times the errors of the ordinary range.",
        table(("photo", "range", "photos", "FNMR"), rows),
    ]


def _warnings(found: Report) -> list[str]:
    if "warnings" not in found:
        return []
    report = found["warnings"]
    rows = [
        (name, f"{row['photos']:,}", rate(row["fnmr"]), rate(row["fmr"]))
        for name, row in report.items()
        if isinstance(row, dict)
    ]
    return [
        f"What the product warns of in the {report['photos']:,} photos of LFW View 2 that show a"
        " face, and the errors of pairs with such a photo at the operating point"
        f" {report['operating_point']}. No limit of a warning was fitted"
        " here, with one exception: the score under which a photo is also looked at turned was, and"
        " that it is turned only where that is clearly better was added after a look at this row.",
        table(("warning", "photos", "FNMR", "FMR"), rows),
    ]


def _explanations(found: Report) -> list[str]:
    if "explanations" not in found:
        return []
    report = found["explanations"]
    rows = [
        (
            name,
            *(rate(row[kind]) for kind in ("speaking_for", "speaking_against")),
            *(f"{row[f'mean_fall_{kind}']:.2f}" for kind in ("for", "against", "random")),
        )
        for name, row in report["fillings"].items()
    ]
    head = ("covered with", "“for” moves more", "“against” moves more", "for", "against", "random")
    return [
        f"“Why” covers a patch of a face and measures how far the logit falls. Checked on"
        f" {report['pairs']} LFW pairs: the {report['covered']} of {report['cells']} cells of each"
        " face that speak most for “same” are covered together, then those that speak most"
        f" against, otherwise than the map was made; compared with the median of"
        f" {report['random_sets']} random choices of as many cells. The last three columns are mean"
        " falls of the logit.",
        table(head, rows),
    ]


def _families(found: Report) -> list[str]:
    if "families" not in found:
        return []
    report = found["families"]
    rows = [(name, rate(value)) for name, value in report["false_match_rates"].items()]
    return [
        f"Impostor pairs of two members of one family ({report['families']} families,"
        f" {report['people']} people of the validation and calibration parts, crops). EER"
        f" {percent(report['eer'])}, AUC {report['auc']:.4f}.",
        table(("point", "FMR inside a family"), rows),
    ]


def _groups(found: Report) -> list[str]:
    if "groups" not in found:
        return []
    groups = found["groups"]
    points = [name for name in next(iter(groups.values())) if name != "people"]
    rows = [
        (
            name,
            f"{row['people']:,}",
            *(
                f"{percent(row[point]['value'], 3)} ({percent(row[point]['low'], 3)} to"
                f" {percent(row[point]['high'], 3)})"
                for point in points
            ),
        )
        for name, row in groups.items()
    ]
    return [
        "All pairs inside a group are impostor pairs (crops). Intervals allow for pairs that share"
        " a picture (bootstrap over pictures). Understated: see the limits.",
        table(("group", "people", *(f"FMR at {point}" for point in points)), rows),
    ]


def _plots(folder: Path) -> list[str]:
    names = (plots.ROC, plots.DET, plots.RELIABILITY, plots.HISTOGRAM, plots.TRAINING)
    return [f"![{Path(name).stem}]({name})" for name in names if (folder / name).exists()]


def _limits(checkpoint: Checkpoint, found: Report) -> str:
    """Those of every checkpoint, and those of what this one was measured and trained on."""
    known = {*found, *trained_on(checkpoint.config)}
    return "\n".join(text for subjects, text in LIMITS if not subjects or subjects & known)


def _data(checkpoint: Checkpoint, metrics: Report) -> list[str]:
    config = checkpoint.config
    default = LICENSE_REASON if config.license == "other" else ""
    parts = [
        f"Licence: {config.license}. {config.license_reason or default}".strip(),
        data_files(config, metrics, DATA_NOTES),
    ]
    calibrated = calibrated_on(config.calibration, "people", "impostor pairs")
    if calibrated:
        parts.append(
            f"{calibrated} Which people train, validate and calibrate is fixed by a hash of the"
            " family's name."
        )
    return parts


def _audit(found: Report) -> list[str]:
    if "audit" not in found:
        return []
    report = found["audit"]
    lines = [
        f"- training stages counted again from the files and the split: {report['stages_counted']};"
        " with other people or pictures than the training part has:"
        f" {len(report['stages_of_other_pictures'])}",
        f"- data files that differ from those named above: {len(report['changed_files'])}"
        f" (not at hand: {len(report['missing_files'])})",
    ]
    if "look_alikes" in report:
        alike = report["look_alikes"]
        lines += [
            f"- training pictures that this network places at or above its FMR 0.1 % score to one"
            f" of {alike['lfw_photos']:,} LFW photos: {alike['count']:,} of"
            f" {alike['training_pictures']:,} (by chance alone"
            f" {alike['expected_by_chance']:,.0f}); metrics.json lists the most alike",
        ]
    return ["\n".join(lines)]
