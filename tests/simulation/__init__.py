"""How clipferry grows: the real queue under loads that no machine here could make, on a clock that is moved by hand."""
