// Guides, tutorials and help come before the pages of single objects, unless one asks for an object by its name.
var Scorer = {
  score: ([page, title, anchor, description, score]) =>
    score + (/^(guides|start|tutorials|help|explanation|gallery)/.test(page) ? 8 : 0) - (/^changelog/.test(page) ? 8 : 0),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
