"""The view ``series_normalised``: each line of the dictionary, the order of the rules, an operator's own lines."""

from __future__ import annotations

import json
import random
import re
from collections import Counter
from datetime import date, datetime
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydicom.sr._concepts_dict import concepts

from dicom_udf import scan
from dicom_udf.columns import arrow_schema, instances_table
from dicom_udf.columns.dictionary import Dictionary, read_body_parts, read_dictionary, read_kind_rules
from dicom_udf.columns.views import DUCKDB, TRINO, make_views
from dicom_udf.errors import ConfigurationError
from dicom_udf.lake.glue_views import view_input
from tests.columns.plans import scan_filters
from tests.columns.spark_dialect import SPARK
from tests.sample import SAMPLE

GUIDE = Path(__file__).parents[2] / "docs/how_to/normalise.md"
SHIPPED = read_dictionary()
DAY = date(2024, 6, 17)
MEANINGS = {(code, meaning) for names in concepts["SCT"].values() for code, (meaning, _) in names.items()}
BODY_HEAD = "written\tbody_part\tcode\tconfidence\n"
KIND_HEAD = "rule\tkind\tconfidence\tscope\tmodality\tattribute\ttest\tpattern\n"


def view_of(dialect, dictionary=None):
    [view] = [one for one in make_views(dialect, dictionary=dictionary) if one.name == "series_normalised"]
    return view


SQL = view_of(DUCKDB).sql


def image(number, series, **values):
    return {
        "study_date": DAY, "study_date_is_default": False, "source_uri": f"s3://b/{number}", "source_size": 1,
        "source_etag": "e", "ingest_run_id": "r", "ingest_time": datetime(2024, 7, 1),
        "sop_instance_uid": f"1.{number}", "series_instance_uid": series, "study_instance_uid": "3.1", **values,
    }  # fmt: skip


def table_of(rows):
    return pa.Table.from_pylist(list(rows), schema=arrow_schema(instances_table()))


def answer(*rows, sql=SQL):
    """The view's rows by series."""
    with duckdb.connect() as connection:
        connection.register("instances", table_of(rows))
        found = connection.execute(sql).to_arrow_table().to_pylist()
    assert len({row["series_instance_uid"] for row in found}) == len(found)
    return {row["series_instance_uid"]: row for row in found}


def kind(*images, sql=SQL):
    """The kind and the rule of one series."""
    row = answer(*(image(number, "2.1", **values) for number, values in enumerate(images)), sql=sql)["2.1"]
    return row["series_kind"], row["series_kind_rule"]


def rule_images():
    """An image for each value of each rule, that has nothing else: series ``rule/number`` -> the rule."""
    for rule in SHIPPED.kinds:
        for number, value in enumerate(rule.values):
            text = value.strip("%").lower() if rule.test == "like" else value
            written = {"has": ["ORIGINAL", text], "above": 1.0}.get(rule.test, text)
            values = {"modality": rule.modalities[-1] if rule.modalities else "OT", rule.attribute: written}
            yield rule, f"{rule.rule}/{number}", values


# --- The shipped lines


def test_each_value_of_each_rule_gives_the_kind_of_its_rule():
    cases = list(rule_images())
    found = answer(*(image(number, series, **values) for number, (_, series, values) in enumerate(cases)))
    names = ("series_kind", "series_kind_confidence", "series_kind_rule")
    wrong = {
        series: found[series]["series_kind_rule"]
        for rule, series, _ in cases
        if tuple(found[series][name] for name in names) != (rule.kind, rule.confidence, rule.rule)
    }
    assert wrong == {}
    assert len(cases) > 150


def test_a_rule_of_other_modalities_does_not_match():
    cases = [(rule, series, values) for rule, series, values in rule_images() if rule.modalities]
    found = answer(
        *(image(number, series, **values | {"modality": "DOC"}) for number, (_, series, values) in enumerate(cases))
    )
    assert [rule.rule for rule, series, _ in cases if found[series]["series_kind_rule"] == rule.rule] == []


def test_each_spelling_has_its_body_part():
    lines = SHIPPED.body_parts
    found = answer(*(image(one.code, one.written, body_part_examined=f" {one.written.lower()}  ") for one in lines))
    names = ("body_part", "body_part_code", "body_part_confidence", "body_part_rule")
    got = [tuple(found[one.written][name] for name in names) for one in lines]
    assert got == [(one.body_part, one.code, one.confidence, one.written) for one in lines]
    assert Counter(one.confidence for one in lines)["text"] >= 60


def test_each_code_and_its_meaning_are_those_of_the_dictionary_of_pydicom():
    """It is made from the tables of PS3.16, so a digit that is wrong here is found."""
    assert [one for one in SHIPPED.body_parts if (one.code, one.body_part) not in MEANINGS] == []


def test_a_rule_that_reads_words_is_not_called_exact():
    words = {"series_description", "protocol_name", "sequence_name", "convolution_kernel"}
    for rule in SHIPPED.kinds:
        assert (rule.confidence == "text") == (rule.attribute in words), rule.rule


def test_each_kind_that_the_guide_lists_is_one_of_the_rules():
    table = GUIDE.read_text(encoding="utf-8").partition("| kind |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)
    assert sorted(listed) == sorted({rule.kind for rule in SHIPPED.kinds})


# --- Series


MR = {"modality": "MR"}


CASES = [
    ([{"modality": "CT", "image_type": ["ORIGINAL", "PRIMARY", "AXIAL"]}], None),
    ([{"modality": "CT", "image_type": ["ORIGINAL", "PRIMARY", kind]} for kind in ("LOCALIZER", "AXIAL")], None),
    ([MR | {"diffusion_b_value": b} for b in (0.0, 1000.0)], "dwi"),
    ([MR | {"diffusion_b_value": 0.0}], None),
    ([MR | {"image_type": ["DERIVED", "PRIMARY", "DIFFUSION", "ADC"], "diffusion_b_value": 800.0}], "adc"),
    ([MR | {"series_description": "Sag T1 FLAIR"}], "t1"),
    ([MR | {"series_description": "AX T2_FLAIR fs"}], "flair"),
    ([MR | {"series_description": "t2*_gre"}], "t2_star"),
    ([MR | {"series_description": "T12 vertebra"}], None),
    ([MR | {"series_description": "t2_tse", "protocol_name": "T1"}], "t2"),
    ([MR | {"series_description": "series 3", "protocol_name": "T1"}], "t1"),
    ([MR | {"series_description": "T1", "acquisition_contrast": "T2"}], "t2"),
    ([MR | {"image_type": ["ORIGINAL", "PRIMARY", "T2XSTAR"]}], None),
    ([MR | {"sequence_name": name} for name in ("*ep_b0", "*ep_b1000#2")], "dwi"),
    ([MR | {"sequence_name": "*ep_b0"}], None),
    ([MR | {"series_description": "T1"}, MR], None),
]  # fmt: skip
"""Images of a series, and the kind of the series."""


def test_a_series_has_the_kind_of_the_first_rule_that_matches():
    found = answer(
        *(
            image(number, f"{series}", **values)
            for series, (images, _) in enumerate(CASES)
            for number, values in enumerate(images)
        )
    )
    assert [(images, found[f"{series}"]["series_kind"]) for series, (images, _) in enumerate(CASES)] == CASES


def test_body_parts_that_differ_are_null_and_spellings_of_one_are_not():
    series = {"differ": ("CHEST", "Head"), "same": ("Abdomen", "BELLY"), "other": ("no such part",), "none": (None,)}
    found = answer(*(image(part, name, body_part_examined=part) for name, parts in series.items() for part in parts))
    names = ("body_part", "body_part_code", "body_part_confidence", "body_part_rule")
    assert {name: tuple(row[one] for one in names) for name, row in found.items()} == {
        "differ": (None,) * 4, "same": ("Abdomen", "818981001", "text", "BELLY"), "other": (None,) * 4,
        "none": (None,) * 4,
    }  # fmt: skip


def test_an_image_without_a_series_has_no_row():
    assert answer(image(1, None, modality="MR", series_description="T1")) == {}


TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20)


@settings(max_examples=5)
@given(st.lists(st.tuples(TEXT, TEXT, st.lists(TEXT, max_size=3)), min_size=1, max_size=50))
@example([("%", "'_!", ['"', "\\"])])
def test_no_text_of_a_file_fails(texts):
    rows = [
        image(
            number, f"2.{number}", modality="MR", body_part_examined=part, series_description=description,
            protocol_name=part, sequence_name=description, image_type=image_type, convolution_kernel=image_type,
        )
        for number, (part, description, image_type) in enumerate(texts)
    ]  # fmt: skip
    assert len(answer(*rows)) == len(rows)


@settings(max_examples=5)
@given(st.integers(0, 10**9))
def test_case_blanks_and_marks_do_not_matter(seed):
    chance = random.Random(seed)
    rows = [
        image(
            number,
            line.written,
            body_part_examined="".join(
                chance.choice([one.lower(), one.upper()]) + chance.choice(["", " ", "_", "-", "  "])
                for one in line.written
            ),
        )
        for number, line in enumerate(SHIPPED.body_parts)
    ]
    found = answer(*rows)
    assert [found[line.written]["body_part_code"] for line in SHIPPED.body_parts] == [
        line.code for line in SHIPPED.body_parts
    ]


def test_a_filter_on_the_study_date_reaches_the_scan():
    with duckdb.connect() as connection:
        connection.register("arrow", table_of([image(1, "2.1"), image(2, "2.2", study_date=date(2024, 6, 18))]))
        connection.execute("CREATE TABLE instances AS SELECT * FROM arrow")
        sql = f"SELECT series_kind FROM ({SQL}) WHERE study_date = DATE '2024-06-17'"
        [[_, plan]] = connection.execute(f"EXPLAIN (FORMAT json) {sql}").fetchall()
    filters = scan_filters(json.loads(plan)[0])
    assert any("study_date" in one and "2024-06-17" in one for one in filters)


def test_the_glue_catalog_takes_the_text_of_each_view():
    for view in make_views(TRINO):
        assert len(view_input(view, "dicom")["ViewOriginalText"]) < 409_600  # bytes, the limit of glue:CreateTable


@pytest.mark.spark
def test_spark_has_the_kinds_that_duckdb_has(spark, tmp_path):
    cases = [(series, values) for _, series, values in rule_images()]
    parts = [(one.written, {"body_part_examined": one.written.lower()}) for one in SHIPPED.body_parts]
    rows = [image(number, series, **values) for number, (series, values) in enumerate(cases + parts)]
    pq.write_table(table_of(rows), tmp_path / "instances.parquet")
    session = spark.newSession()
    session.conf.set("spark.sql.codegen.wholeStage", "false")
    session.read.parquet(str(tmp_path / "instances.parquet")).createOrReplaceTempView("instances")
    found = [row.asDict() for row in session.sql(view_of(SPARK).sql).collect()]
    assert {row["series_instance_uid"]: row for row in found} == answer(*rows)


def test_the_sample_has_the_body_parts_and_kinds_that_its_series_state():
    found = scan(SAMPLE, workers=1).read_all()
    kept = found.filter(pc.is_null(found["failure_code"]))
    expected = {
        ("CR", "Chest PA", "Chest", None), ("CT", "Axial 1.0 Br64", "Chest", None), ("DX", "Chest PA", "Chest", None),
        ("MG", "L CC", "Breast", None), ("MG", "R CC", "Breast", None),
        ("MR", "ep2d_diff_tra", "Head", "dwi"), ("MR", "ep2d_diff_tra", "Knee", "dwi"),
        ("MR", "perfusion", None, "perfusion"), ("MR", "two echoes", None, "t2"), ("OT", "Chest PA", "Chest", None),
        ("SR", "Dose report", None, "dose_report"),
    }  # fmt: skip
    with duckdb.connect() as connection:
        connection.register("instances", kept)
        connection.execute(f"CREATE VIEW series_normalised AS {SQL}")
        rows = connection.execute(
            "SELECT DISTINCT modality, series_description, body_part, series_kind FROM instances "
            "JOIN series_normalised USING (series_instance_uid) WHERE coalesce(body_part, series_kind) IS NOT NULL"
        ).fetchall()
    assert set(rows) == expected


# --- An operator's own lines


def folder_of(tmp_path, **files):
    for name, text in files.items():
        (tmp_path / f"{name}.tsv").write_text(text, encoding="utf-8")
    return tmp_path


def test_own_lines_come_before_those_of_the_package(tmp_path):
    folder = folder_of(
        tmp_path,
        body_part=f"{BODY_HEAD}Chest\tLung\t39607008\ttext\nO'Brien view\tKnee\t72696002\ttext\n",
        series_kind=f"{KIND_HEAD}ours\tneuro's\ttext\tevery\tMR|CT\tseries_description\tlike\tT1 Neuro|o'b%\n",
    )
    written = [("CHEST", "t1_neuro"), ("o'brien VIEW", "O'BRIEN"), ("HEAD", "t1")]
    rows = (
        image(number, f"{number}", modality="MR", body_part_examined=part, series_description=description)
        for number, (part, description) in enumerate(written)
    )
    found = answer(*rows, sql=view_of(DUCKDB, read_dictionary(folder)).sql)
    assert [(row["body_part"], row["series_kind"], row["series_kind_rule"]) for _, row in sorted(found.items())] == [
        ("Lung", "neuro's", "ours"), ("Knee", "neuro's", "ours"), ("Head", "t1", "t1_in_description"),
    ]  # fmt: skip


def test_an_own_rule_with_the_name_of_another_one_replaces_it(tmp_path):
    line = "b_value\tdiffusion\texact\tany\tMR\tdiffusion_b_value\tabove\t49.5\n"
    made = read_dictionary(folder_of(tmp_path, series_kind=KIND_HEAD + line))
    assert len(made.kinds) == len(SHIPPED.kinds)
    assert made.body_parts == SHIPPED.body_parts
    sql = view_of(DUCKDB, made).sql
    assert kind(MR | {"diffusion_b_value": 49.0}, sql=sql) == (None, None)
    assert kind(MR | {"diffusion_b_value": 50.0}, sql=sql) == ("diffusion", "b_value")


def test_a_view_whose_rules_read_a_column_that_the_table_lacks_is_left_out():
    columns = [field.name for field in instances_table().fields if field.name != "acquisition_contrast"]
    assert "series_normalised" not in [view.name for view in make_views(DUCKDB, columns=columns)]


def test_the_lines_that_the_guide_shows_can_be_used():
    [lines] = re.findall(r"^```text\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    assert [line.rule for line in read_kind_rules(lines, "series_kind.tsv")] == ["neuro_protocol"]


def test_a_folder_without_a_dictionary_is_refused(tmp_path):
    with pytest.raises(ConfigurationError, match=r"has no body_part\.tsv and no series_kind\.tsv"):
        read_dictionary(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path):
    (tmp_path / "body_part.tsv").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigurationError, match=r"body_part\.tsv is not UTF-8"):
        read_dictionary(tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a\tb", "line 2: it has 2 values, but must have 4"),
        (" -\tb\t1\ttext", "column 'written' is empty"),
        ("a\t\t1\ttext", "column 'body_part' is empty"),
        ("a\tb\tT-1\ttext", "column 'code' is not a code"),
        ("a\tb\t1\tsure", "column 'confidence' must be one of exact, text"),
        ("a\tb\t1\ttext\nA \tb\t1\ttext", "line 3: an earlier line has the same spelling"),
        ("a\tb\x07\t1\ttext", "it has a control character"),
    ],
)
def test_a_line_of_body_parts_that_cannot_be_used_is_named(line, message):
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_body_parts(BODY_HEAD + line, "body_part.tsv")


GOOD = ["r", "k", "text", "every", "MR", "series_description", "like", "T1"]


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (0, "", "columns 'rule' and 'kind' must not be empty"),
        (1, "", "columns 'rule' and 'kind' must not be empty"),
        (2, "yes", "column 'confidence' must be one of"),
        (3, "all", "column 'scope' must be one of every, any"),
        (5, "no_column", "'attribute' must be a column of instances of type string for the test 'like'"),
        (5, "image_type", "'attribute' must be a column of instances of type string for the test 'like'"),
        (6, "regex", "column 'test' must be one of equals, has, like, above"),
        (6, "above", "of type bigint or double"),
        (7, "T1||T2", "column 'pattern' has an empty value"),
        (7, "%", "column 'pattern' has an empty value"),
    ],
)
def test_a_rule_that_cannot_be_used_is_named(place, value, message):
    line = "\t".join(value if number == place else one for number, one in enumerate(GOOD))
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        read_kind_rules(KIND_HEAD + line, "series_kind.tsv")


@pytest.mark.parametrize("pattern", ["", "x", "nan", "inf", "1|2"])
def test_a_bound_must_be_a_number(pattern):
    line = f"r\tk\ttext\tany\tMR\techo_time\tabove\t{pattern}"
    with pytest.raises(ConfigurationError, match="must be a number"):
        read_kind_rules(KIND_HEAD + line, "series_kind.tsv")


def test_two_rules_of_one_name_are_refused():
    line = "\t".join(GOOD)
    with pytest.raises(ConfigurationError, match="line 3: an earlier line has the same 'rule'"):
        read_kind_rules(f"{KIND_HEAD}{line}\n{line}\n", "series_kind.tsv")


@pytest.mark.parametrize(("read", "head"), [(read_body_parts, BODY_HEAD), (read_kind_rules, KIND_HEAD)])
def test_a_first_line_of_another_kind_is_refused_and_crlf_and_empty_lines_are_not(read, head):
    with pytest.raises(ConfigurationError, match="the first line must be these names"):
        read(f"x{head}", "a.tsv")
    assert read(head.replace("\n", "\r\n") + "\r\n\n", "a.tsv") == ()


@given(st.lists(st.lists(TEXT, max_size=9).map("\t".join), max_size=3).map("\n".join))
def test_any_text_is_lines_or_a_configuration_error(text):
    for read, head in ((read_body_parts, BODY_HEAD), (read_kind_rules, KIND_HEAD)):
        try:
            read(head + text, "a.tsv")
        except ConfigurationError:
            continue


PRINTABLE = st.text(st.characters(codec="ascii", min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)


@settings(max_examples=15)
@given(PRINTABLE, PRINTABLE)
def test_what_a_line_says_is_sql_of_its_own(kind_of_rule, pattern):
    """Quotes and other marks of SQL are part of its values."""
    words = f"x{pattern}".replace("|", " ").replace("%", " ").strip()
    line = ["r", kind_of_rule.strip() or "x", "text", "every", "", "series_description", "like", words]
    lines = read_kind_rules(KIND_HEAD + "\t".join(line), "series_kind.tsv")
    sql = view_of(DUCKDB, Dictionary(SHIPPED.body_parts[:1], lines)).sql
    assert kind({"series_description": words.lower()}, sql=sql) == (line[1], "r")
