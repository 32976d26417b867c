"""One module per function, named as Terraform names the function."""
