"""`ivrcore demo`: one whole callback between two real softphones, judged by what each party heard."""
