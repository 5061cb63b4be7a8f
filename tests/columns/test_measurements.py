"""Measurements and evaluations of structured reports, in DuckDB; other engines are compared with it."""

import json
from datetime import date
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dicom_udf.columns import arrow_schema, instances_table, item_views
from dicom_udf.columns.measurements import CONCEPTS, SEGMENTATIONS
from dicom_udf.columns.views import DUCKDB, make_views
from tests.columns.content_trees import (
    SEGMENTATION,
    answers_of,
    code_of,
    evaluations_of,
    in_order,
    measurements_of,
    node,
    row_of_tree,
    table_of_trees,
)
from tests.columns.plans import scan_filters
from tests.columns.spark_dialect import SPARK

ROOT = Path(__file__).parents[2]
LIVER, LEFT, RIGHT = ("10200004", "SCT"), ("7771000", "SCT"), ("24028007", "SCT")
MM, LESION, MEAN = ("mm", "UCUM"), ("52988006", "SCT"), ("373098007", "SCT")


def site(code=LIVER, laterality=LEFT, concepts=("363698007 SCT", "272741003 SCT")):
    return node("CODE", concepts[0], node("CODE", concepts[1], value=laterality), value=code)


def number(*values, concept="410668003 SCT", below=(), unit=MM):
    return node("NUM", concept, *below, value=values or None, unit=unit)


ITEMS = {
    "tracking_identifier": node("TEXT", "112039 DCM", value="Lesion 1", relationship="HAS OBS CONTEXT"),
    "tracking_uid": node("UIDREF", "112040 DCM", value="1.2.3.4", relationship="HAS OBS CONTEXT"),
    "finding": node("CODE", "121071 DCM", value=LESION),
    "finding_site": site(),
    "activity_session": node("TEXT", "C67447 NCIt", value="2"),
    "method": node("CODE", "370129005 SCT", value=("126401", "DCM")),
    "source_series_instance_uid": node("UIDREF", "121232 DCM", value="1.2.5"),
    "segmentation_sop_instance_uid": node("IMAGE", "121191 DCM", value=(SEGMENTATION, "1.2.6", (3,))),
    "observer": node("PNAME", "121008 DCM", value="Reader^A"),
    "derivation": number(10.5, below=[node("CODE", "121401 DCM", value=MEAN)]),
    "answer": node("CODE", "247469009 SCT", value=("17621005", "SCT")),
}
"""Items of a group, by the column that each fills."""

FILLED = {
    "tracking_identifier": "Lesion 1", "tracking_uid": "1.2.3.4", "finding": code_of(LESION),
    "finding_site": code_of(LIVER), "laterality": code_of(LEFT), "activity_session": "2",
    "source_series_instance_uid": "1.2.5", "segmentation_sop_instance_uid": "1.2.6", "segment_number": 3,
    "observer": "Reader^A", "template_identifier": "1500",
}  # fmt: skip
ALONG = {"finding_site": ["laterality"], "segmentation_sop_instance_uid": ["segment_number"]}


def group(*below):
    return node("CONTAINER", "125007 DCM", *below)


def report(*groups, context=()):
    measured = node("CONTAINER", "126010 DCM", *groups)
    return node("CONTAINER", "126000 DCM", *context, measured, template="1500")


def without_keys(row):
    return {name: value for name, value in row.items() if name not in item_views.KEYS}


def measured(*roots):
    return [without_keys(row) for row in answers_of("measurements", *roots)]


def judged(*roots):
    return [without_keys(row) for row in answers_of("evaluations", *roots)]


def test_a_measurement_has_what_its_group_states():
    [row] = measured(report(group(*ITEMS.values())))
    assert row == FILLED | {
        "path": "1.1.1.10", "group_path": "1.1.1", "quantity": code_of(("410668003", "SCT")),
        "derivation": code_of(MEAN), "method": code_of(("126401", "DCM")), "value": 10.5, "numeric_values": None,
        "unit": code_of(MM), "qualifier": None,
    }  # fmt: skip


def test_an_evaluation_has_what_its_group_states():
    [row] = judged(report(group(*ITEMS.values())))
    question, answer = code_of(("247469009", "SCT")), code_of(("17621005", "SCT"))
    assert row == FILLED | {"path": "1.1.1.11", "group_path": "1.1.1", "question": question, "answer": answer}


@pytest.mark.parametrize("missing", [name for name in ITEMS if name not in ("derivation", "answer")])
def test_a_group_that_lacks_an_item_keeps_its_rows(missing):
    tree = report(group(*(one for name, one in ITEMS.items() if name != missing)))
    for [row], [whole] in ((measured(tree), FILLED_ROWS["NUM"]), (judged(tree), FILLED_ROWS["CODE"])):
        gone = [name for name in (missing, *ALONG.get(missing, ())) if name in row]
        places = ("path",)
        assert {name: row[name] for name in gone} == dict.fromkeys(gone)
        assert {name: value for name, value in row.items() if name not in (*gone, *places)} == {
            name: value for name, value in whole.items() if name not in (*gone, *places)
        }


FILLED_ROWS = {"NUM": measured(report(group(*ITEMS.values()))), "CODE": judged(report(group(*ITEMS.values())))}


@pytest.mark.parametrize("kind", CONCEPTS)
def test_a_code_that_describes_is_no_evaluation(kind):
    codes = [node("CODE", " ".join(concept), value=LIVER) for concept in CONCEPTS[kind]]
    assert judged(report(group(*codes))) == []


def test_siblings_beyond_nine_are_not_taken_for_one_another():
    groups = [
        group(
            *(node("TEXT", "121106 DCM", value="filler") for _ in range(11)),
            node("TEXT", "112039 DCM", value=f"Lesion {place}"),
            *(number(float(turn), below=[site(laterality=side)]) for turn, side in enumerate([LEFT, RIGHT] * 6)),
        )
        for place in range(1, 13)
    ]
    tree = report(*groups)
    rows = measured(tree)
    assert rows == measurements_of(tree)
    assert [row["tracking_identifier"] for row in rows] == [f"Lesion {1 + place // 12}" for place in range(144)]
    assert [row["laterality"] for row in rows] == [code_of(LEFT), code_of(RIGHT)] * 72


def test_a_measurement_is_in_the_nearest_group_and_inherits_nothing_from_the_one_around():
    inner = group(node("TEXT", "112039 DCM", value="inner"), number(2.0))
    rows = measured(report(group(ITEMS["tracking_identifier"], ITEMS["finding"], number(1.0), inner, number(3.0))))
    assert [(row["value"], row["tracking_identifier"], row["finding"]) for row in rows] == [
        (1.0, "Lesion 1", code_of(LESION)), (2.0, "inner", None), (3.0, "Lesion 1", code_of(LESION)),
    ]  # fmt: skip


def test_numbers_outside_of_a_group_are_measurements_too():
    found = node("CODE", "111059 DCM", number(0.8, concept="111047 DCM"), value=("F-01796", "SRT"))
    cad = node("CONTAINER", "111036 DCM", node("CODE", "111017 DCM", found, value=("111242", "DCM")), template="4000")
    echo = node("CONTAINER", "125200 DCM", node("CONTAINER", "121070 DCM", site(), number(55.0, below=[site(RIGHT)])))
    obstetric = node("CONTAINER", "125000 DCM", number(1, 2, 3), node("CODE", "121071 DCM", value=LESION))
    rows = measured(cad, echo, obstetric)
    assert [row["group_path"] for row in rows] == [None] * 3
    assert [row["finding"] for row in rows] == [None] * 3
    assert [row["template_identifier"] for row in rows] == ["4000", None, None]
    assert [row["finding_site"] for row in rows] == [None, code_of(RIGHT), None]
    assert [(row["value"], row["numeric_values"]) for row in rows] == [(0.8, None), (55.0, None), (None, [1, 2, 3])]
    assert judged(cad, echo, obstetric) == []


@pytest.mark.parametrize("relationship", ["INFERRED FROM", "HAS PROPERTIES"])
def test_numbers_below_a_number_are_rows_with_their_own_derivation(relationship):
    inner = node("NUM", "121211 DCM", node("CODE", "121401 DCM", value=MEAN), value=(2.0,), relationship=relationship)
    rows = measured(report(group(ITEMS["finding"], number(1.0, below=[inner]))))
    assert [(row["path"], row["derivation"], row["finding"]) for row in rows] == [
        ("1.1.1.2", None, code_of(LESION)), ("1.1.1.2.1", code_of(MEAN), code_of(LESION)),
    ]  # fmt: skip


@pytest.mark.parametrize("scheme", ["SRT", "SNM3", "99SDM"])
def test_codes_of_snomed_rt_are_those_of_snomed_ct(scheme):
    method = node("CODE", f"G-C036 {scheme}", value=("126401", "DCM"))
    old = [site(concepts=(f"G-C0E3 {scheme}", f"G-C171 {scheme}")), method, number(1.0)]
    [row] = measured(report(group(*old)))
    assert (row["finding_site"], row["laterality"], row["method"]) == (
        code_of(LIVER), code_of(LEFT), code_of(("126401", "DCM")),
    )  # fmt: skip


def test_a_code_of_another_scheme_describes_nothing():
    wrong = [site(concepts=("G-C0E3 SCT", "G-C171 SCT")), node("CODE", "121071 99X", value=LESION)]
    [row] = measured(report(group(*wrong, number(1.0))))
    assert (row["finding_site"], row["finding"]) == (None, None)


def test_a_number_has_its_own_site_before_that_of_the_group():
    own = number(1.0, below=[node("CODE", "363698007 SCT", value=RIGHT)])
    rows = measured(report(group(site(), own, number(2.0))))
    assert [(row["finding_site"], row["laterality"]) for row in rows] == [
        (code_of(RIGHT), None), (code_of(LIVER), code_of(LEFT)),
    ]  # fmt: skip


def test_the_first_of_two_counts_and_no_row_is_twice():
    twice = [node("CODE", "121071 DCM", value=code) for code in (LESION, LIVER)]
    sites = [node("CODE", "363698007 SCT", value=LIVER), site(RIGHT)]
    images = [
        node("IMAGE", "121191 DCM", value=(SEGMENTATION, uid, some)) for uid, some in (("1.1", (1, 2)), ("1.2", (5,)))
    ]
    tree = report(group(*twice, *sites, *images, number(1.0), ITEMS["answer"]))
    for [row] in (measured(tree), judged(tree)):
        assert (row["finding"], row["finding_site"], row["laterality"]) == (code_of(LESION), code_of(LIVER), None)
        assert (row["segmentation_sop_instance_uid"], row["segment_number"]) == ("1.1", None)


@pytest.mark.parametrize("uid", SEGMENTATIONS)
def test_images_with_segments_are_segmentations(uid):
    ct = node("IMAGE", "121191 DCM", value=("1.2.840.10008.5.1.4.1.1.2", "1.9", ()))
    [row] = measured(report(group(ct, node("IMAGE", None, value=(uid, "1.8", (7,))), number(1.0))))
    assert (row["segmentation_sop_instance_uid"], row["segment_number"]) == ("1.8", 7)


def test_the_nearest_observer_counts_a_person_before_a_device():
    person, device = node("PNAME", "121008 DCM", value="Reader^A"), node("UIDREF", "121012 DCM", value="1.2.9")
    groups = [
        group(number(1.0)),
        group(device, number(2.0)),
        group(device, node("PNAME", "121008 DCM", value="B"), number(3.0)),
    ]
    assert [row["observer"] for row in measured(report(*groups, context=[device, person]))] == [
        "Reader^A",
        "1.2.9",
        "B",
    ]
    assert [row["observer"] for row in measured(report(*groups, context=[device]))] == ["1.2.9", "1.2.9", "B"]


def test_empty_items_are_rows_with_nulls():
    empty = [
        node("CODE", "121071 DCM"),
        node("CODE", "363698007 SCT"),
        node("NUM"),
        node("CODE"),
        node("CODE", "1 99X"),
    ]
    tree = report(group(*empty))
    [row] = measured(tree)
    assert {name for name, value in row.items() if value is not None} == {"path", "group_path", "template_identifier"}
    assert [(row["question"], row["answer"]) for row in judged(tree)] == [(None, None), (code_of(("1", "99X")), None)]


def test_documents_are_kept_apart():
    first, second = report(group(*ITEMS.values())), report(group(number(4.0), ITEMS["answer"]))
    rows = answers_of("measurements", first, second, first)
    assert [(row["sop_instance_uid"], row["source_member"], row["finding"] is None) for row in rows] == [
        ("1.2.1", None, False), ("1.2.2", "2.dcm", True), ("1.2.3", "3.dcm", False),
    ]  # fmt: skip


# --- Saved queries over reports that the corpus lacks


def answer(name, *rows):
    with duckdb.connect() as connection:
        connection.register("instances", pa.Table.from_pylist(list(rows), schema=arrow_schema(instances_table())))
        for view in make_views(DUCKDB):
            connection.execute(f'CREATE VIEW "{view.name}" AS {view.sql}')
        return connection.execute((ROOT / "queries" / f"{name}.sql").read_text(encoding="utf-8")).fetchall()


def test_a_lesion_is_compared_with_the_date_before():
    def read(number_, day, value, reader):
        observer = node("PNAME", "121008 DCM", value=reader)
        lesion = group(
            ITEMS["tracking_uid"], number(value), number(value, below=[node("CODE", "121401 DCM", value=MEAN)])
        )
        return row_of_tree(report(lesion, context=[observer]), number_) | {"study_date": day}

    may, june, july = (date(2024, month, 1) for month in (5, 6, 7))
    values = [(may, 10.0, "A"), (june, 7.0, "A"), (june, 8.0, "B"), (july, 0.0, "A")]
    rows = answer("tumor_measurements", *(read(place, *value) for place, value in enumerate(values, start=1)))
    assert [(row[1], row[5], *row[7:]) for row in rows] == [
        ("1.2.3.4", derivation, *rest)
        for derivation in ("Meaning of 373098007", None)
        for rest in ((may, 1, 10.0, None, None), (june, 2, 7.5, 31, -25.0), (july, 1, 0.0, 30, -100.0))
    ]


def test_studies_lack_reports_or_images():
    kinds = {"SR": "1.2.840.10008.5.1.4.1.1.88.33", "CT": "1.2.840.10008.5.1.4.1.1.2",
             "DOSE": "1.2.840.10008.5.1.4.1.1.88.67", "DOC": "1.2.840.10008.5.1.4.1.1.104.1"}  # fmt: skip
    studies = {
        "1.1": ["SR"],
        "1.2": ["CT", "DOSE"],
        "1.3": ["CT", "SR"],
        "1.4": ["DOSE"],
        "1.5": ["DOC"],
        "1.6": ["CT"],
    }
    rows = [
        row_of_tree(report(), place * 10 + turn)
        | {
            "study_instance_uid": uid, "sop_class_uid": kinds[kind], "modality": "SR" if kind == "DOSE" else kind,
            "photometric_interpretation": "MONOCHROME2" if kind == "CT" else None,
        }
        for place, (uid, some) in enumerate(studies.items(), start=1)
        for turn, kind in enumerate(some)
    ]  # fmt: skip
    assert [row[:5] for row in answer("reports_and_images", *rows)] == [
        ("images without reports", ["CT"], 1, 0, 1), ("images without reports", ["CT", "SR"], 1, 0, 1),
        ("reports without images", ["DOC"], 1, 1, 0), ("reports without images", ["SR"], 1, 1, 0),
    ]  # fmt: skip


def test_a_filter_on_the_study_date_reaches_both_scans():
    for name in ("measurements", "evaluations"):
        [view] = [one for one in make_views(DUCKDB) if one.name == name]
        with duckdb.connect() as connection:
            connection.register("arrow", table_of_trees(*[report(group(*ITEMS.values()))] * 2))
            connection.execute("CREATE TABLE instances AS SELECT * FROM arrow")
            connection.execute("UPDATE instances SET study_date = DATE '2024-06-02' WHERE source_member IS NULL")
            sql = f"SELECT path FROM ({view.sql}) WHERE study_date = DATE '2024-06-01'"
            assert len(connection.execute(sql).fetchall()) == 1
            [[_, plan]] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
        filters = scan_filters(json.loads(plan)[0])
        assert len(filters) == 2
        assert all("study_date" in str(one) for one in filters)


CODES = st.sampled_from([LIVER, LEFT, RIGHT, LESION])
NAMES = st.sampled_from([" ".join(code) for codes in CONCEPTS.values() for code in codes] + [None, "1 99X"])


def _items(below):
    several = st.just(()) if below is None else st.lists(below, max_size=4).map(tuple)
    optional = lambda values: st.none() | values  # noqa: E731
    texts = st.sampled_from(["a", "b"])
    uids = st.sampled_from(["1.2.3", "1.2.4"])
    images = st.tuples(
        st.sampled_from([SEGMENTATION, "1.2.840.10008.5.1.4.1.1.2"]), uids, st.lists(st.integers(1, 9), max_size=2)
    )
    numbers = st.lists(st.integers(-9, 9).map(float), min_size=1, max_size=3)
    make = lambda kind, name, value, inner: node(kind, name, *inner, value=value)  # noqa: E731
    return st.one_of(
        st.builds(make, st.just("CONTAINER"), st.sampled_from(["125007 DCM", "126010 DCM", None]), st.none(), several),
        st.builds(make, st.just("CODE"), NAMES, optional(CODES), several),
        st.builds(make, st.just("NUM"), NAMES, optional(numbers), several),
        st.builds(make, st.just("TEXT"), NAMES, optional(texts), several),
        st.builds(make, st.just("UIDREF"), NAMES, optional(uids), several),
        st.builds(make, st.just("IMAGE"), st.sampled_from([None, "121191 DCM"]), optional(images), several),
    )


TREES = st.lists(st.recursive(_items(None), _items, max_leaves=20), max_size=6).map(lambda below: report(*below))


@settings(max_examples=12)
@given(st.lists(TREES, min_size=1, max_size=2))
def test_the_views_are_what_a_walk_of_the_tree_finds(trees):
    assert measured(*trees) == [row for tree in trees for row in measurements_of(tree)]
    assert judged(*trees) == [row for tree in trees for row in evaluations_of(tree)]


@pytest.mark.spark
@pytest.mark.parametrize("view", ["measurements", "evaluations"])
def test_spark_has_the_same_rows(spark, tmp_path, view):
    second = node("PNAME", "121008 DCM", value="Reader^B")
    trees = [
        report(group(*ITEMS.values()), group(number(1, 2), second, ITEMS["answer"]), context=[ITEMS["observer"]]),
        report(group(site(), site(RIGHT, RIGHT), *ITEMS.values(), number(2.0, below=[site(RIGHT, RIGHT)]), number())),
        node("CONTAINER", None, number(5.0)),
    ]
    pq.write_table(table_of_trees(*trees), tmp_path / "instances.parquet")
    session = spark.newSession()
    session.conf.set("spark.sql.codegen.wholeStage", "false")  # takes longer to compile than a few rows to read
    session.read.parquet(str(tmp_path / "instances.parquet")).createOrReplaceTempView("instances")
    [made] = [one for one in make_views(SPARK) if one.name == view]
    rows = [row.asDict(recursive=True) for row in session.sql(made.sql).collect()]
    assert in_order(rows) == answers_of(view, *trees)
