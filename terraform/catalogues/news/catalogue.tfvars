# A news service: what cannot wait, the morning's overview, and subjects that people follow.
catalogue = {
  templates = "catalogues/news/templates"
  categories = {
    breaking = {
      name           = "Breaking news"
      description    = "The few things that cannot wait until tomorrow."
      channels       = ["Push"]
      critical       = false
      good_for_hours = 2
    }
    briefing = {
      name           = "Morning briefing"
      description    = "The day in five minutes, at breakfast."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 6
    }
    topics = {
      name           = "Topics you follow"
      description    = "New articles on what you follow."
      channels       = ["Email", "Push"]
      critical       = false
      good_for_hours = 48
    }
  }
}
