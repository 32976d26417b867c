# A course platform: what is new, and what is due.
catalogue = {
  templates = "catalogues/courses/templates"
  categories = {
    course_updates = {
      name           = "Course updates"
      description    = "New lessons and announcements of your courses."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 168
    }
    deadlines = {
      name           = "Deadlines"
      description    = "Work that is due soon."
      channels       = ["Email", "Push"]
      critical       = false
      good_for_hours = 24
    }
    grades = {
      name           = "Grades"
      description    = "Your work has been looked at."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 168
    }
  }
}
