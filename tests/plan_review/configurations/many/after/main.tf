# The last 20 go, 20 others come, and the text of all that stay changes.

resource "terraform_data" "item" {
  count = 480

  input = {
    name  = format("item-%03d", count.index)
    texts = [for n in range(5) : "${count.index}: the text with the number ${n}, after"]
  }
}

resource "terraform_data" "other" {
  count = 20

  input = "other ${count.index}"
}
