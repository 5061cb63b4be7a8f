"""The sample files of ``sample_dcm``: their content, and the script that writes them."""
