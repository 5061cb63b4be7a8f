"""Calls of Iceberg's Java API, by Spark's gateway: the one module of the lake that sees Java objects.

A question that SQL on Iceberg's metadata tables answers by a Spark job is one call here. A loaded table is a Java
object, whose type Python doesn't have: ``Any``. It shows the table as it was when it was loaded.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from py4j.protocol import Py4JJavaError
from pyspark.errors.exceptions.captured import CapturedException
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from dicom_udf.columns import Field
from dicom_udf.datafiles.reading import LiveFile

__all__ = [
    "PUSHED_VALUES",
    "CherryPickError",
    "Compaction",
    "add_columns",
    "all_files_exist",
    "append_files",
    "cherry_pick",
    "column_names",
    "create_table",
    "current_snapshot",
    "drop_table",
    "expiring_snapshots",
    "find_table",
    "has_class",
    "is_in_history",
    "is_scalar_column",
    "live_files",
    "load_table",
    "location",
    "manifest_sizes",
    "overwrite_table",
    "partition_names",
    "plan_compaction",
    "properties",
    "remove_property",
    "replace_rows",
    "schema_id",
    "schema_json",
    "set_properties",
    "spec_id",
    "spec_jsons",
    "stage_files",
    "staged_snapshots",
    "table_names",
]

Compaction = tuple[int, int, int]
"""Files to rewrite, files to write in their place, bytes to rewrite."""


PUSHED_VALUES = 200
"""Most values of an IN by which Iceberg leaves out files (``InclusiveMetricsEvaluator.IN_PREDICATE_LIMIT``)."""


class CherryPickError(Exception):
    """A snapshot could not be made current; the message is the name of the exception that Java raised."""


def has_class(spark: SparkSession, name: str) -> bool:
    """Return whether Java finds a class by its full name."""
    jvm: Any = spark._jvm
    try:
        jvm.org.apache.spark.util.Utils.classForName(name, False, False)
    except Py4JJavaError:
        return False
    return True


def load_table(spark: SparkSession, name: str) -> Any:
    """Load a table, e.g. ``lake.dicom.objects``, as it is now."""
    jvm: Any = spark._jvm
    return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergTable(spark._jsparkSession, name)


def location(table: Any) -> str:
    """Return the URL or path of a table's folder."""
    return str(table.location())


def properties(table: Any) -> dict[str, str]:
    """Return a table's properties."""
    return {str(key): str(value) for key, value in table.properties().items()}


def remove_property(table: Any, key: str) -> None:
    """Remove a property, in one commit."""
    table.updateProperties().remove(key).commit()


def column_names(spark: SparkSession, table: Any) -> set[str]:
    """Return the names of a table's columns, by one call of Java instead of three for each column."""
    return {field["name"] for field in json.loads(schema_json(spark, table))["fields"]}


def is_scalar_column(table: Any, name: str) -> bool:
    """Return whether a table has a column of that name at top level, with one value a row."""
    field = table.schema().findField(name)
    return field is not None and field.type().isPrimitiveType() and "." not in name


def add_columns(spark: SparkSession, table: Any, fields: Sequence[Field], further: Mapping[str, str]) -> None:
    """Add empty columns behind the others and set properties, in one commit.

    Args:
        spark: The session.
        table: The table.
        fields: The columns.
        further: The properties, by key.
    """
    jvm: Any = spark._jvm
    ddl = ", ".join(f"`{field.name}` {field.type}" for field in fields)
    types = jvm.org.apache.iceberg.spark.SparkSchemaUtil.convert(jvm.org.apache.spark.sql.types.StructType.fromDDL(ddl))
    transaction = table.newTransaction()
    schema = transaction.updateSchema()
    for field in fields:
        schema.addColumn(field.name, types.findType(field.name), field.comment)
    schema.commit()
    set_properties(transaction, further)
    transaction.commitTransaction()


def current_snapshot(table: Any) -> int | None:
    """Return the id of the snapshot that readers see; None for a table that was never written to."""
    snapshot = table.currentSnapshot()
    return None if snapshot is None else int(snapshot.snapshotId())


def staged_snapshots(table: Any, wap_id: str) -> set[int]:
    """Return the ids of the snapshots that were written under ``wap_id``, published or not."""
    return {int(one.snapshotId()) for one in _each(table.snapshots()) if one.summary().get("wap.id") == wap_id}


def is_in_history(spark: SparkSession, table: Any, wap_id: str, *, since: int) -> bool:
    """Return whether a snapshot in the table's current history was published under ``wap_id``.

    A publish that was a fast-forward keeps ``wap.id``, another one has ``published-wap-id``. A snapshot that is only
    staged has ``wap.id`` too, but is not an ancestor of the current one.

    Args:
        spark: The session.
        table: The table.
        wap_id: The id.
        since: Unix time in milliseconds; older snapshots are not compared.
    """
    jvm: Any = spark._jvm
    for snapshot in _each(jvm.org.apache.iceberg.util.SnapshotUtil.currentAncestors(table)):
        if snapshot.timestampMillis() < since:
            return False
        summary = snapshot.summary()
        if wap_id in (summary.get("wap.id"), summary.get("published-wap-id")):
            return True
    return False


def cherry_pick(spark: SparkSession, name: str, snapshot: int) -> None:
    """Make a staged snapshot of a table current.

    Raises:
        CherryPickError: It was published already, it is not a child of the current snapshot, or the outcome is unknown.
    """
    try:
        load_table(spark, name).manageSnapshots().cherrypick(snapshot).commit()
    except Py4JJavaError as error:
        raise CherryPickError(_class_name(error)) from error


def overwrite_table(rows: DataFrame, name: str, snapshot: int, *, wap_id: str) -> int | None:
    """Stage a snapshot in which all rows of a table are replaced, without a shuffle.

    Args:
        rows: The new rows, made from the table as it was at ``snapshot``.
        name: The table's full name.
        snapshot: Rows that were added since this one would be lost: Iceberg then refuses the commit.
        wap_id: The id that the new snapshot is staged under.

    Returns:
        The staged snapshot; None where another writer was faster.
    """
    spark = rows.sparkSession
    before = staged_snapshots(load_table(spark, name), wap_id)  # of a run that died between staging and publishing
    writer = rows.writeTo(name).option("isolation-level", "serializable")
    writer = writer.option("validate-from-snapshot-id", str(snapshot)).option("distribution-mode", "none")
    spark.conf.set("spark.wap.id", wap_id)
    try:
        writer.overwrite(F.lit(True))
    except Py4JJavaError as error:
        if _class_name(error) != "ValidationException":
            raise
        return None
    finally:
        spark.conf.unset("spark.wap.id")
    return next(iter(staged_snapshots(load_table(spark, name), wap_id) - before))


def append_files(spark: SparkSession, table: Any, data_files: Sequence[str]) -> None:
    """Add data files to a table, in one snapshot that readers see at once; arguments as for :func:`stage_files`."""
    _new_append(spark, table, data_files).commit()


def stage_files(spark: SparkSession, table: Any, data_files: Sequence[str], *, wap_id: str) -> int:
    """Stage a snapshot with further data files under an id; no reader sees it before it is published.

    Args:
        spark: The session.
        table: The table.
        data_files: Texts of ``DataFile``, as :mod:`dicom_udf.datafiles` returns them.
        wap_id: The id.

    Returns:
        The staged snapshot.
    """
    return _stage(table, _new_append(spark, table, data_files), wap_id)


def _new_append(spark: SparkSession, table: Any, data_files: Sequence[str]) -> Any:
    append = table.newAppend()
    for one in _content_files(spark, table, data_files):
        append.appendFile(one)
    return append


def replace_rows(
    spark: SparkSession,
    table: Any,
    data_files: Sequence[str],
    delete_files: Sequence[str],
    referenced: Sequence[str],
    *,
    parent: int | None,
    wap_id: str,
) -> int | None:
    """Stage a snapshot with further data files and position deletes under an id.

    Args:
        spark: The session.
        table: The table.
        data_files: Texts of the new data files.
        delete_files: Texts of the delete files.
        referenced: Paths of the data files that the deletes refer to.
        parent: The snapshot that the positions were read at; None for an empty table.
        wap_id: The id.

    Returns:
        The staged snapshot; None where another writer has changed the table since ``parent``.
    """
    delta = table.newRowDelta()
    for one in _content_files(spark, table, data_files):
        delta.addRows(one)
    for one in _content_files(spark, table, delete_files):
        delta.addDeletes(one)
    if parent is not None:
        files = _array_list(spark, referenced)
        delta.validateFromSnapshot(parent).validateDataFilesExist(files).validateDeletedFiles()
    try:
        staged = _stage(table, delta, wap_id)
    except Py4JJavaError as error:
        if _class_name(error) != "ValidationException":
            raise
        return None
    return staged if table.snapshot(staged).parentId() == parent else None


def _content_files(spark: SparkSession, table: Any, texts: Sequence[str]) -> Iterator[Any]:
    """Yield ``DataFile`` and ``DeleteFile`` of Iceberg from their texts."""
    jvm: Any = spark._jvm
    mapper, specs = jvm.org.apache.iceberg.util.JsonUtil.mapper(), table.specs()
    for text in texts:
        yield jvm.org.apache.iceberg.ContentFileParser.fromJson(mapper.readTree(text), specs)


def _stage(table: Any, update: Any, wap_id: str) -> int:
    """Commit an update as a staged snapshot; return its id."""
    before = staged_snapshots(table, wap_id)  # of a run that died between staging and publishing
    update.set("wap.id", wap_id)
    update.stageOnly()
    update.commit()
    table.refresh()
    return next(iter(staged_snapshots(table, wap_id) - before))


def schema_json(spark: SparkSession, table: Any) -> str:
    """Return a table's schema as Iceberg's JSON."""
    jvm: Any = spark._jvm
    return str(jvm.org.apache.iceberg.SchemaParser.toJson(table.schema()))


def schema_id(table: Any) -> int:
    """Return the id of a table's schema."""
    return int(table.schema().schemaId())


def spec_jsons(spark: SparkSession, table: Any) -> dict[int, str]:
    """Return a table's partition specs as Iceberg's JSON, by id."""
    jvm: Any = spark._jvm
    to_json = jvm.org.apache.iceberg.PartitionSpecParser.toJson
    return {int(one.specId()): str(to_json(one)) for one in table.specs().values()}


def spec_id(table: Any) -> int:
    """Return the id of the partition spec that new files get."""
    return int(table.spec().specId())


def partition_names(spark: SparkSession, table: Any) -> list[str]:
    """Return the names of the fields of ``_partition``: those of all partition specs."""
    jvm: Any = spark._jvm
    return [str(field.name()) for field in _each(jvm.org.apache.iceberg.Partitioning.partitionType(table).fields())]


def live_files(
    spark: SparkSession, table: Any, *, most: int, uris: Sequence[str] | None = None, prefix: str = ""
) -> list[LiveFile] | None:
    """Return the data files of a table's current snapshot; None where there are many, or not all are Parquet.

    Args:
        spark: The session.
        table: The table.
        most: So many files at most.
        uris: Only files that can hold rows with one of these ``source_uri``.
        prefix: Only files that can hold rows whose ``source_uri`` begins so.
    """
    jvm: Any = spark._jvm
    expressions, scan = jvm.org.apache.iceberg.expressions.Expressions, table.newScan()
    if uris is not None:
        scan = scan.filter(getattr(expressions, "in")("source_uri", _array_list(spark, uris)))
    elif prefix:
        scan = scan.filter(expressions.startsWith("source_uri", prefix))
    found: list[LiveFile] = []
    planned = scan.planFiles()
    try:
        for task in _each(planned):
            file, deletes = task.file(), list(_each(task.deletes()))
            if len(found) == most or any(_kind(one) != "POSITION_DELETES PARQUET" for one in deletes):
                return None
            if _kind(file) != "DATA PARQUET":
                return None
            locations = tuple(str(one.location()) for one in deletes)
            size, rows = int(file.fileSizeInBytes()), int(file.recordCount())
            found.append(LiveFile(str(file.location()), size, rows, locations))
    finally:
        planned.close()
    return found


def _kind(file: Any) -> str:
    return f"{file.content().name()} {file.format().name()}"


def _array_list(spark: SparkSession, texts: Sequence[str]) -> Any:
    jvm: Any = spark._jvm
    found = jvm.java.util.ArrayList()
    for text in texts:
        found.add(text)
    return found


def plan_compaction(spark: SparkSession, table: Any, options: Mapping[str, str]) -> Compaction:
    """Return what ``rewrite_data_files`` would do with these options, from the planner that it uses."""
    jvm: Any = spark._jvm
    planner = jvm.org.apache.iceberg.actions.BinPackRewriteFilePlanner(table)
    planner.init(dict(options))
    files = written = size = 0
    for group in _each(planner.plan().groups()):
        files += group.inputFileNum()
        written += group.expectedOutputFiles()
        size += group.inputFilesSizeInBytes()
    return files, written, size


def manifest_sizes(table: Any) -> list[int]:
    """Return the sizes in bytes of the manifests of the current snapshot."""
    snapshot = table.currentSnapshot()
    return [] if snapshot is None else [int(one.length()) for one in _each(snapshot.allManifests(table.io()))]


def expiring_snapshots(table: Any, *, older_than: int, keep: int) -> int:
    """Count the snapshots that would expire; nothing is committed.

    Args:
        table: The table.
        older_than: Unix time in milliseconds.
        keep: So many of the newest snapshots stay.
    """
    expiry = table.expireSnapshots().expireOlderThan(older_than).retainLast(keep)
    return sum(1 for _ in _each(expiry.apply()))


def all_files_exist(rows: DataFrame) -> bool:
    """Read all rows of a table; return False where one of its files is missing."""
    table: Any = rows
    try:
        table.write.format("noop").mode("overwrite").save()
    except (Py4JJavaError, CapturedException) as error:
        if "NotFoundException" not in f"{error} {getattr(error, '_stackTrace', '')}":
            raise
        return False
    return True


def table_names(spark: SparkSession, database: str) -> list[str]:
    """Return the names of a database's tables, sorted.

    Args:
        spark: The session.
        database: Catalog and database, e.g. ``lake.dicom``.
    """
    catalog, table = _place(spark, f"{database}.any")
    return sorted(str(one.name()) for one in _each(catalog.listTables(table.namespace())))


def find_table(spark: SparkSession, name: str) -> Any | None:
    """Load a table as :func:`load_table` does, by its catalog; return None where it doesn't exist."""
    catalog, table = _place(spark, name)
    try:
        return catalog.loadTable(table)
    except Py4JJavaError as error:
        if _class_name(error) != "NoSuchTableException":
            raise
        return None


def create_table(
    spark: SparkSession,
    name: str,
    ddl: str,
    *,
    properties: Mapping[str, str],
    partitions: str = "",
    location: str | None = None,
) -> Any:
    """Make an empty table and return it; by SQL the first one of a session takes ten times as long.

    Args:
        spark: The session.
        name: Its full name, e.g. ``lake.dicom.objects``.
        ddl: Names, types and comments of the columns, in Spark's words.
        properties: The table's properties.
        partitions: Partition transforms as in Spark SQL's ``PARTITIONED BY``, by commas; empty for none.
        location: Path or URL of the table's folder; None: the catalog's own choice.
    """
    jvm: Any = spark._jvm
    catalog, table = _place(spark, name)
    schema = jvm.org.apache.iceberg.spark.SparkSchemaUtil.convert(
        jvm.org.apache.spark.sql.types.StructType.fromDDL(ddl)
    )
    spec = jvm.org.apache.iceberg.PartitionSpec.builderFor(schema)
    for transform in _TRANSFORM.finditer(partitions):
        _add_partition(spec, transform["name"], int(transform["width"] or 0), transform["column"])
    builder = catalog.buildTable(table, schema).withPartitionSpec(spec.build()).withProperties(dict(properties))
    return (builder if location is None else builder.withLocation(location)).create()


_TRANSFORM = re.compile(r"(?:(?P<name>[a-z]+)\((?:(?P<width>\d+), *)?)?(?P<column>[a-z_0-9]+)\)?")


def _add_partition(spec: Any, transform: str | None, width: int, column: str) -> None:
    if transform == "bucket":
        spec.bucket(column, width)
    else:
        getattr(spec, {None: "identity", "days": "day", "months": "month", "years": "year"}[transform])(column)


def drop_table(spark: SparkSession, name: str) -> None:
    """Drop a table and its files, if it exists."""
    catalog, table = _place(spark, name)
    catalog.dropTable(table, True)


def set_properties(table: Any, changed: Mapping[str, str]) -> None:
    """Set properties of a table, in one commit, or within a transaction."""
    update = table.updateProperties()
    for key, value in changed.items():
        update.set(key, value)
    update.commit()


def _place(spark: SparkSession, name: str) -> tuple[Any, Any]:
    """Return the catalog of a table ``catalog.database.table``, and the table's identifier in it."""
    jvm: Any = spark._jvm
    catalog, _, table = name.partition(".")
    return _catalog(spark, catalog), jvm.org.apache.iceberg.catalog.TableIdentifier.parse(table)


def _catalog(spark: SparkSession, name: str) -> Any:
    jvm: Any = spark._jvm
    # A session makes its catalogs when it first needs them, from the settings of the session that is active then.
    jvm.org.apache.spark.sql.SparkSession.setActiveSession(spark._jsparkSession)
    return jvm.org.apache.iceberg.spark.Spark3Util.loadIcebergCatalog(spark._jsparkSession, name)


def _class_name(error: Py4JJavaError) -> str:
    return str(error.java_exception.getClass().getSimpleName())


def _each(iterable: Any) -> Iterator[Any]:
    """Yield the elements of a Java collection or stream."""
    iterator = iterable.iterator()
    while iterator.hasNext():
        yield iterator.next()
