"""What is in an object: itself, or the files of the archive it is, nested ones included."""

from dicom_udf.archives.model import Foreseeing, Limits, Member, MemberFault, ZipRange
from dicom_udf.archives.split import split_zip
from dicom_udf.archives.walk import members

__all__ = ["Foreseeing", "Limits", "Member", "MemberFault", "ZipRange", "members", "split_zip"]
