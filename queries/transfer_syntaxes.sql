-- Compressed transfer syntaxes
-- Encoding of pixel data by modality, and the number of files that were ever compressed with loss
SELECT
  transfer_syntax_uid,
  CASE
    WHEN transfer_syntax_uid IN ('1.2.840.10008.1.2', '1.2.840.10008.1.2.1', '1.2.840.10008.1.2.2') THEN 'uncompressed'
    WHEN transfer_syntax_uid LIKE '1.2.840.10008.1.2.1.99' THEN 'deflated'
    WHEN transfer_syntax_uid LIKE '1.2.840.10008.1.2.5' THEN 'RLE'
    WHEN transfer_syntax_uid IN ('1.2.840.10008.1.2.4.80', '1.2.840.10008.1.2.4.81') THEN 'JPEG-LS'
    WHEN transfer_syntax_uid LIKE '1.2.840.10008.1.2.4.9_' THEN 'JPEG 2000'
    WHEN transfer_syntax_uid LIKE '1.2.840.10008.1.2.4.10_' THEN 'video'
    WHEN transfer_syntax_uid LIKE '1.2.840.10008.1.2.4.20_' THEN 'HTJ2K'
    WHEN transfer_syntax_uid LIKE '1.2.840.10008.1.2.4.__' THEN 'JPEG'
    ELSE 'other'
  END AS encoding,
  modality,
  count(*) AS files,
  count(*) FILTER (WHERE source_member_size IS NULL) AS files_of_unknown_size,
  sum(source_member_size) AS bytes,
  count(*) FILTER (WHERE lossy_image_compression = '01') AS lossy
FROM instances
GROUP BY transfer_syntax_uid, modality
ORDER BY transfer_syntax_uid, modality
