variable "password" {
  type      = string
  default   = "swordfish-after"
  sensitive = true
}

resource "terraform_data" "kept" {
  input = "the same"
}

# ---- updates

resource "terraform_data" "nested" {
  input = {
    rules = [
      { name = "zeroth", ports = [8080], open = true },
      { name = "first", ports = [443, 80], open = true },
      { name = "second", ports = [22], open = true },
    ]
    limits = { low = 1, high = 10.25, middle = 5 }
    none   = false
  }
}

resource "terraform_data" "text" {
  input = "one\n2\nthree\n"
}

resource "terraform_data" "type_changed" {
  input = 42
}

resource "terraform_data" "set" {
  input = toset(["c", "a"])
}

resource "terraform_data" "unknown" {
  input = { id = terraform_data.created.id, list = ["known", terraform_data.created.output] }
}

# ---- secrets

resource "terraform_data" "secret" {
  input = {
    user = "ada"
    deep = { tokens = [sensitive("token-after"), "public"], (var.password == "" ? "" : "map") = { pin = sensitive("0815") } }
  }
}

resource "terraform_data" "all_secret" {
  input = var.password
}

resource "terraform_data" "secret_replaced" {
  input            = "plain"
  triggers_replace = { password = var.password }
}

resource "terraform_data" "no_longer_secret" {
  input = { value = "was-a-secret" }
}

# ---- names that want to be something else

resource "terraform_data" "unicode" {
  for_each = toset([
    "café",
    "日本語",
    "🦊",
    "a|b",
    "tick`tick``tick",
    "</details><script>alert(1)</script>",
    "line\nbreak",
    "quote\"d \\ back",
    "$${dollar}",
    "\u202Ereversed",
    "@everyone #1 https://example.com",
  ])

  input = { key = each.key, value = "after ${each.key}" }
}

# ---- numbers of instances

resource "terraform_data" "each" {
  for_each = { stays = 1, changes = 20, comes = 3, new_key = 4 }

  input = each.value
}

moved {
  from = terraform_data.each["old_key"]
  to   = terraform_data.each["new_key"]
}

resource "terraform_data" "counted" {
  count = 2

  input = count.index
}

resource "terraform_data" "from_count" {
  for_each = toset(["first", "second"])

  input = "item ${each.key == "first" ? 0 : 1}"
}

moved {
  from = terraform_data.from_count[0]
  to   = terraform_data.from_count["first"]
}

moved {
  from = terraform_data.from_count[1]
  to   = terraform_data.from_count["second"]
}

# ---- moves

resource "terraform_data" "new_name" {
  input = "moved as it is"
}

moved {
  from = terraform_data.old_name
  to   = terraform_data.new_name
}

resource "terraform_data" "new_name_changed" {
  input = "moved and changed: after"
}

moved {
  from = terraform_data.old_name_changed
  to   = terraform_data.new_name_changed
}

module "new_module" {
  source = "../modules/outer"

  value = "moved with all that is in it"
}

moved {
  from = module.old_module
  to   = module.new_module
}

module "nested" {
  source   = "../modules/outer"
  for_each = toset(["b", "c"])

  value = each.key
}

# ---- what goes

removed {
  from = terraform_data.forgotten

  lifecycle {
    destroy = false
  }
}

removed {
  from = module.forgotten

  lifecycle {
    destroy = false
  }
}

# ---- replaced

resource "terraform_data" "replaced" {
  input            = "replaced"
  triggers_replace = ["after"]
}

resource "terraform_data" "replaced_create_first" {
  triggers_replace = { version = 2 }

  lifecycle {
    create_before_destroy = true
  }
}

resource "terraform_data" "replaced_by_another" {
  input = "the same"

  lifecycle {
    replace_triggered_by = [terraform_data.replaced]
  }
}

# ---- what comes

resource "terraform_data" "created" {
  input = { text = "new", number = 1, list = [], map = {}, nothing = null }
}

resource "terraform_data" "with_a_command" {
  provisioner "local-exec" {
    command = "true"
  }
}

import {
  to = terraform_data.imported
  id = "as-it-is"
}

resource "terraform_data" "imported" {
}

import {
  to = terraform_data.imported_changed
  id = "changed"
}

resource "terraform_data" "imported_changed" {
  input = "not what was there"
}

# read when the plan is applied, since it waits for something that is made then
data "terraform_remote_state" "deferred" {
  backend    = "local"
  config     = { path = "terraform.tfstate" }
  depends_on = [terraform_data.created]
}

check "would_fail" {
  assert {
    condition     = terraform_data.kept.input != "the same"
    error_message = "This check fails, and the plan goes on."
  }
}

# ---- outputs

output "kept" {
  value = "the same"
}

output "changed" {
  value = { list = [1, 3] }
}

output "new" {
  value = "new"
}

output "unknown" {
  value = terraform_data.created.id
}

output "secret" {
  value     = var.password
  sensitive = true
}

output "newly_secret" {
  value     = { token = sensitive("output-token") }
  sensitive = true
}
