"""What is in an object: itself, or the files of the archive it is, nested ones included."""

from dicom_udf.archives.model import Limits, Member, MemberFault
from dicom_udf.archives.walk import members

__all__ = ["Limits", "Member", "MemberFault", "members"]
