"""`wattpost doctor`: what stands between this gateway and a month alone, each finding with its cure.

Nothing is changed, and no meter is asked: ports are opened and closed again, the broker is told hello.
"""
