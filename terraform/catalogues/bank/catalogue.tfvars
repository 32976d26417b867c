# A bank. Messages hold no balances and no links to sign in by: people learn not to trust such ones.
catalogue = {
  templates = "catalogues/bank/templates"
  categories = {
    account_alerts = {
      name           = "Account alerts"
      description    = "Sign-ins and changes to your account. For your safety they cannot be switched off."
      channels       = ["SMS", "Email", "Push"]
      critical       = true
      good_for_hours = 24
    }
    payment_reminders = {
      name           = "Payment reminders"
      description    = "Payments that are due soon."
      channels       = ["Email", "Push"]
      critical       = false
      good_for_hours = 48
    }
    statements = {
      name           = "Statements"
      description    = "A new statement is in your mailbox."
      channels       = ["Email"]
      critical       = false
      good_for_hours = 168
    }
  }
}
