# A shop: what people ordered, where it is, and what they might like.
catalogue = {
  templates = "catalogues/shop/templates"
  categories = {
    orders = {
      name           = "Orders"
      description    = "Confirmation and progress of your orders."
      channels       = ["Email", "SMS"]
      critical       = false
      good_for_hours = 72
    }
    shipping = {
      name           = "Shipping"
      description    = "Where your parcel is and when it comes."
      channels       = ["Email", "Push"]
      critical       = false
      good_for_hours = 48
    }
    promotions = {
      name           = "Offers"
      description    = "Sales and vouchers, at most one a week."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 120
    }
  }
}
