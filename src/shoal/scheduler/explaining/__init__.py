"""What the scheduler says about one pod when it is asked, and what it would say if things changed.

Belongs here: verdicts and scores of each plugin, what a rejected pod waits for, changes tried out
on a copy of the cluster, recorded cases and their answers.
Must not: place a pod, read a file or print.
"""
