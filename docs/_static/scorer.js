// Guides and lessons come before the pages of single objects, unless one asks for an object by its name.
var Scorer = {
  score: ([page, title, anchor, description, score]) => {
    if (/coming_from/.test(page)) return score + 4;
    if (/^(guides|start|tutorials|help|explanation|gallery)/.test(page)) return score + 8;
    return /^changelog/.test(page) ? score - 8 : score;
  },
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
