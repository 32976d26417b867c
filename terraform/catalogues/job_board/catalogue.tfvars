# A job board: alerts by criteria, applications, and interviews.
catalogue = {
  templates = "catalogues/job_board/templates"
  categories = {
    alerts = {
      name           = "Job alerts"
      description    = "New jobs that match your criteria."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 48
    }
    applications = {
      name           = "Your applications"
      description    = "What employers answer to your applications."
      channels       = ["Email", "Push"]
      critical       = false
      good_for_hours = 168
    }
    interviews = {
      name           = "Interviews"
      description    = "Invitations, and a reminder before each."
      channels       = ["Email", "SMS"]
      critical       = false
      good_for_hours = 48
    }
  }
}
