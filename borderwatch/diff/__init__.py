"""Step 4: two depictions of one view -> changes; one noise model for ownership, lines, names and listings.

``series.Series`` walks a view's past; ``compare.scenes`` compares two scenes of one dispute.
"""
