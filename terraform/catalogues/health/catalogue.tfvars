# A health app. Messages say that there is something, and not what it says about somebody's health.
catalogue = {
  templates = "catalogues/health/templates"
  categories = {
    appointments = {
      name           = "Appointments"
      description    = "Your appointments and changes to them."
      channels       = ["SMS", "Email"]
      critical       = true
      good_for_hours = 48
    }
    reminders = {
      name           = "Reminders"
      description    = "What you asked us to remind you of."
      channels       = ["Push"]
      critical       = false
      good_for_hours = 3
    }
    tips = {
      name           = "Tips"
      description    = "Small ideas for every day, once a week."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 120
    }
  }
}
