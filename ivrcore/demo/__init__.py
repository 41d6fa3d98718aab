"""`ivrcore demo`: a callback and a notification with real softphones, judged by what each party heard."""
