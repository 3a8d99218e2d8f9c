"""From packs to a run: the plan, the asking, the run file's lines, answers that others collected. Pure."""
