variable "value" {
  type = any
}

module "inner" {
  source = "../inner"
  count  = 2

  value = { number = count.index, value = var.value }
}
