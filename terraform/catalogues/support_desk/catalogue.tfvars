# A support desk: what happens to tickets, and how things are.
catalogue = {
  templates = "catalogues/support_desk/templates"
  categories = {
    ticket_status = {
      name           = "Ticket status"
      description    = "Your ticket is taken, solved or closed."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 72
    }
    replies = {
      name           = "Replies"
      description    = "Our people ask or answer something."
      channels       = ["Email", "Push"]
      critical       = false
      good_for_hours = 72
    }
    outages = {
      name           = "Outages"
      description    = "Something does not work, or works again."
      channels       = ["SMS", "Email"]
      critical       = true
      good_for_hours = 4
    }
  }
}
