# A social network: who wrote, who liked, who answered.
catalogue = {
  templates = "catalogues/social_network/templates"
  categories = {
    messages = {
      name           = "Messages"
      description    = "Somebody has written to you."
      channels       = ["Push", "Email"]
      critical       = false
      good_for_hours = 24
    }
    likes = {
      name           = "Likes"
      description    = "People like what you posted."
      channels       = ["Push"]
      critical       = false
      good_for_hours = 24
    }
    comments = {
      name           = "Comments"
      description    = "Answers to what you posted."
      channels       = ["Push", "Email"]
      critical       = false
      good_for_hours = 48
    }
  }
}
