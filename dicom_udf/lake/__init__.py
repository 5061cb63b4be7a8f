"""The lake: Spark and Iceberg. Sessions, tables, plans, stages, commits, recovery.

Import from the modules: this package imports none of them, so that :mod:`dicom_udf.lake.layout` needs no Spark.
"""
