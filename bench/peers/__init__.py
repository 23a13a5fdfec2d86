"""Work-item services made with other SOAP stacks, to race against.

Each answers with the id and the version only, checks no password and keeps no history, which favours it. Each commits
one guarded update with synchronous=FULL before it answers.
"""

from bench.peers import gsoap, node_soap, php, soapbar, spyne

PEERS = (gsoap.RACER, node_soap.RACER, php.RACER, spyne.RACER, soapbar.RACER)
