"""Everything that speaks Label Studio's language.

Takes its JSON and XML, gives the nouns of `document`, and back: labeling configuration, tasks, results, annotations and
webhooks; percent lives here and nowhere else. Also the HTTP client, its tokens and the addresses of images. May import
`document` and `errors`.
"""
