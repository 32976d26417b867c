# A game: whose turn it is, what friends do, and what is on.
catalogue = {
  templates = "catalogues/game/templates"
  categories = {
    turns = {
      name           = "Your turn"
      description    = "Somebody waits for your move."
      channels       = ["Push"]
      critical       = false
      good_for_hours = 24
    }
    friends = {
      name           = "Friends"
      description    = "Invitations and challenges from friends."
      channels       = ["Push", "Email"]
      critical       = false
      good_for_hours = 72
    }
    seasons = {
      name           = "Seasons and events"
      description    = "New seasons, tournaments and rewards."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 72
    }
  }
}
