"""The status page for people at `/ui`: how the service is, and each project's training, versions and reports.

Takes the health board's picture and the files of a project, gives HTML that can be read without JavaScript. May import
what `service` may; the doctor's examination by name, because importing that takes a while and is seldom asked for.
"""
