variable "value" {
  type = any
}

resource "terraform_data" "this" {
  input = var.value
}
