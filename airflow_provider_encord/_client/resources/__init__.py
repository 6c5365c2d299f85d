"""One room per resource of Encord's API: its calls and its models, since they change together.

Names, paths, argument order and JSON layout are those of Encord's client 0.1.211 unless a docstring says otherwise.
"""
