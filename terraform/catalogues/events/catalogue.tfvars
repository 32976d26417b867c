# An events organiser: tickets, changes, and what is coming up.
catalogue = {
  templates = "catalogues/events/templates"
  categories = {
    tickets = {
      name           = "Tickets"
      description    = "Your tickets and how to use them."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 168
    }
    changes = {
      name           = "Changes"
      description    = "An event that you have a ticket for is moved or cancelled."
      channels       = ["Email", "SMS", "Push"]
      critical       = true
      good_for_hours = 48
    }
    recommendations = {
      name           = "New events"
      description    = "Events near you that you may like."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 120
    }
  }
}
