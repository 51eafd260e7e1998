"""AIM in the frameworks that agents are written with.

Each module needs its library: ``aim_sdk.integrations.langchain`` and so on. All of them ask before
a tool runs, run it within a tracked action, and report how it went. A denial is told in the way of
the library; the tool did not run then.
"""
