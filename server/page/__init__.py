"""The page: how the deployment stands, for people, in a browser. HTML made here, no build, at `/` of the server.

| module | what |
|---|---|
| `table` | all pages, in one table: method, path, the function that makes it, its name in the navigation |
| `visit` | what a page is given: the stores, what was asked, who asks |
| `rendering` | templates filled in, `render(visit, "name.html", value=…)`, and how they show times and texts |
| `room` | from a request to a page of the table, and back |
| `guarded` | what stands around every page, open or not: problems told to people, and a browser's limits |
| `door`, `login` | who is let in: by a link that is good once, or a token of all users; then by a cookie |
| `users`, `memories`, `conversations`, `events` | what is kept of a user, and the way that it came |
| `overview`, `letters`, `spending`, `configuration` | a page each; `kinds`, `actions`: what is done with letters |
| `pulse`, `charts` | how the last hour went, and how that is drawn |

A page is a function of a `Visit` that returns `render(…)`. It runs in a thread, so it may wait for the stores;
what it raises is told as the API tells it. Its template extends `base.html` with the blocks `title` and `main`; a
part that is marked `data-live` is kept current by the one script. Styles are classes of the one sheet: a browser
refuses inline ones. Text that a person or a model wrote is shown by the filter `said`, a stamp in µs by `moment`.

A user's things are read through `visit.noted("command", user_id)` alone, by the words of the command line. Ids may
have any character, so they stand in the query: `address("/user", user_id=…)`, read by `visit.asked("user_id")`.

What changes something is two rows with `writes=True`: a GET that asks (`confirm.html`), and a POST of the same
path that is noted, done, and answered with `see_other(…)`. Neither is there where the page only reads, and
templates show no way to them then (`visit.read_only`).
"""
