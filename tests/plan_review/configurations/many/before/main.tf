# 500 resources. By count: the same by for_each takes Terraform twenty times as long.

resource "terraform_data" "item" {
  count = 500

  input = {
    name  = format("item-%03d", count.index)
    texts = [for n in range(5) : "${count.index}: the text with the number ${n}, before"]
  }
}
