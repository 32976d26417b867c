# What the functions are told of the categories.

locals {
  # The welcome belongs to a category that nobody can switch off and no team can leave out.
  categories = merge(var.catalogue.categories, {
    account = {
      name           = "Account"
      description    = "Messages about your account."
      channels       = []
      critical       = true
      good_for_hours = 96
    }
  })

  catalogue = jsonencode(local.categories)

  # Only the API shows the texts; the others have less to read.
  catalogue_without_texts = jsonencode({ for key, category in local.categories : key => {
    channels       = category.channels
    critical       = category.critical
    good_for_hours = category.good_for_hours
  } })
}
