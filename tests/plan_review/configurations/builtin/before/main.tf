# Terraform's built-in resource alone: no provider is loaded, and this is applied for real.

variable "password" {
  type      = string
  default   = "swordfish-before"
  sensitive = true
}

resource "terraform_data" "kept" {
  input = "the same"
}

# ---- updates

resource "terraform_data" "nested" {
  input = {
    rules = [
      { name = "first", ports = [80, 443], open = true },
      { name = "second", ports = [22], open = false },
    ]
    limits = { low = 1, high = 10.5 }
    gone   = "this key goes"
    none   = null
  }
}

resource "terraform_data" "text" {
  input = "one\ntwo\nthree\n"
}

resource "terraform_data" "type_changed" {
  input = "42"
}

resource "terraform_data" "set" {
  input = toset(["b", "a"])
}

resource "terraform_data" "unknown" {
  input = { id = "known", list = ["known"] }
}

# ---- secrets

resource "terraform_data" "secret" {
  input = {
    user = "ada"
    deep = { tokens = [sensitive("token-before"), "public"], (var.password == "" ? "" : "map") = { pin = sensitive("4711") } }
  }
}

resource "terraform_data" "all_secret" {
  input = var.password
}

resource "terraform_data" "secret_replaced" {
  input            = "plain"
  triggers_replace = { password = var.password }
}

resource "terraform_data" "secret_gone" {
  input = { password = var.password }
}

resource "terraform_data" "no_longer_secret" {
  input = { value = sensitive("was-a-secret") }
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

  input = { key = each.key, value = "before ${each.key}" }
}

# ---- numbers of instances

resource "terraform_data" "each" {
  for_each = { stays = 1, changes = 2, goes = 3, old_key = 4 }

  input = each.value
}

resource "terraform_data" "counted" {
  count = 3

  input = count.index
}

resource "terraform_data" "from_count" {
  count = 2

  input = "item ${count.index}"
}

# ---- moves

resource "terraform_data" "old_name" {
  input = "moved as it is"
}

resource "terraform_data" "old_name_changed" {
  input = "moved and changed: before"
}

module "old_module" {
  source = "../modules/outer"

  value = "moved with all that is in it"
}

module "nested" {
  source   = "../modules/outer"
  for_each = toset(["a", "b"])

  value = each.key
}

# ---- what goes

resource "terraform_data" "destroyed" {
  input = "destroyed"

  provisioner "local-exec" {
    when    = destroy
    command = "true"
  }
}

resource "terraform_data" "forgotten" {
  input = "forgotten"
}

module "forgotten" {
  source = "../modules/inner"

  value = "forgotten with its module"
}

# ---- replaced

resource "terraform_data" "replaced" {
  input            = "replaced"
  triggers_replace = ["before"]
}

resource "terraform_data" "replaced_create_first" {
  triggers_replace = { version = 1 }

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

# ---- outputs

output "kept" {
  value = "the same"
}

output "changed" {
  value = { list = [1, 2] }
}

output "gone" {
  value = "gone"
}

output "secret" {
  value     = var.password
  sensitive = true
}
