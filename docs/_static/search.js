// How pages are ranked in a search. Sphinx's index says which words a page has, in its titles and anywhere; Sphinx's own
// order knows neither rare words nor words within names, and lists a page once for its text and again for each object.

// What readers say, and further words that they may mean.
const SYNONYMS = {
  autodiff: "gradient backward",
  backprop: "backward gradient",
  backpropagation: "backward gradient",
  bug: "error",
  check: "testing",
  cuda: "gpu cupy device",
  custom: "own",
  derivative: "gradient",
  differentiate: "gradient",
  draw: "picture seeing graph",
  exception: "error",
  fast: "speed compile",
  gpu: "cupy device",
  history: "History plots",
  hyperparameter: "bilevel",
  infinity: "nan",
  jit: "compile",
  load: "saving load_model",
  lr: "learning rate",
  mpi: "distributed",
  multiprocessing: "processes distributed",
  nan: "nonfinite find_nan",
  ode: "differential equation odeint",
  parallel: "distributed processes threads",
  performance: "speed compile",
  plot: "picture plots",
  ram: "memory",
  reproducible: "seed determinism",
  rnn: "recurrent LSTM sequences",
  scheduler: "schedule",
  seed: "set_seed",
  slope: "gradient",
  slow: "speed compile",
  store: "saving",
  train: "training fit",
  visualize: "picture seeing plots",
};
const FOLDERS = [
  [/^help\/glossary/, 2],
  [/^(start|guides\/(?!coming|hips|checking)|explanation|help|tutorials\/0|gallery)/, 1.6],
  [/^(guides|reference\/[^/]*$|tutorials)/, 1.2],
  [/^changelog|^index$/, 0.3],
];
const SHOWN = 50;

const stemmer = new Stemmer();
const stem = (word) => stemmer.stemWord(word);
const wordsOf = (text) => splitQuery(text.toLowerCase()).filter((word) => !stopwords.has(word));
// The stems of a title, and of the words in its names: `nn.callbacks.EarlyStopping` has "early" and "stopping" too.
const stemsOf = (title) =>
  new Set([title, title.replace(/([a-z])(?=[A-Z])|_/g, "$1 ")].flatMap(wordsOf).map(stem));

// The pages of an index, each with the titles of its sections and the names of its objects.
const pagesOf = ({ docnames, filenames, titles, alltitles, objects }) => {
  const folder = (name) => titles[docnames.indexOf(`${name.split("/")[0]}/index`)];
  const pages = docnames.map((name, i) => ({
    name,
    file: filenames[i],
    title: titles[i],
    heading: [...new Set([folder(name), titles[i]])].filter(Boolean).join(" › "),
    stems: stemsOf(titles[i]),
    weight: FOLDERS.find(([pattern]) => pattern.test(name))?.[1] ?? 1,
    sections: [],
  }));
  const add = (i, title, id, stems) => pages[i].sections.push({ title, anchor: `#${id}`, stems });
  for (const [title, places] of Object.entries(alltitles)) {
    for (const [i, id] of places) if (id !== null) add(i, title, id, stemsOf(title));
  }
  for (const [prefix, members] of Object.entries(objects)) {
    for (const [i, , , , name] of members) {
      const title = prefix ? `${prefix}.${name}` : name;
      if (title !== titles[i]) add(i, title, title, stemsOf(name));
    }
  }
  return pages;
};

const ranking = (index) => {
  const pages = pagesOf(index);
  const texts = new Map(Object.entries(index.terms).map(([word, files]) => [word, new Set([files].flat())]));
  const vocabulary = new Set(pages.flatMap((page) => [page, ...page.sections].flatMap(({ stems }) => [...stems])));

  // For a word of the query: the stems of titles that match it, and the pages whose text does, each with its weight. A
  // rare word counts more than a common one; the beginning of a stem, and another word for it, count less than itself.
  const termOf = (word) => {
    const term = { stems: new Map(), texts: new Map() };
    const keep = (map, key, weight) => map.set(key, Math.max(weight, map.get(key) ?? 0));
    const other = SYNONYMS[word] ?? SYNONYMS[word.replace(/s$/, "")] ?? "";
    for (const [one, share] of [[word, 1], ...wordsOf(other).map((meant) => [meant, 0.7])]) {
      const root = stem(one);
      const files = texts.get(root) ?? [];
      const weight = share * Math.log(1 + pages.length / (1 + (files.size ?? 0)));
      for (const i of files) keep(term.texts, i, weight);
      for (const known of vocabulary) {
        if (known === root) keep(term.stems, known, weight);
        else if (root.length > 2 && known.startsWith(root)) keep(term.stems, known, weight / 2);
      }
    }
    return term;
  };

  const sum = (values) => values.reduce((a, b) => a + b, 0);
  const inTitle = (terms, stems) =>
    terms.map((term) => Math.max(0, ...[...stems].map((known) => term.stems.get(known) ?? 0)));

  return (query) => {
    const terms = wordsOf(query).map(termOf);
    const name = query.trim().toLowerCase();
    const named = (title, weight) =>
      `.${title}`.toLowerCase().endsWith(`.${name}`) ? weight : title.toLowerCase().startsWith(name) ? weight / 2 : 0;
    const results = [];
    pages.forEach((page, i) => {
      const title = inTitle(terms, page.stems);
      const sections = page.sections.map(({ stems }) => inTitle(terms, stems));
      const text = terms.map((term) => term.texts.get(i) ?? 0);
      const met = terms.filter((_, k) => [title, text, ...sections].some((values) => values[k]));
      if (!met.length) return;
      const cover = title.filter(Boolean).length / page.stems.size;
      const whole = 12 * sum(title) * (0.6 + 0.4 * Math.min(1, cover)) + named(page.title, 25);
      let [best, place] = [0, null];
      page.sections.forEach((section, k) => {
        const value = 5 * sum(sections[k]) + named(section.title, 12);
        if (value > best) [best, place] = [value, section];
      });
      if (best <= whole) place = null;
      const score = Math.max(whole, best) + 0.3 * Math.min(whole, best) + 2 * sum(text);
      const share = (met.length / terms.length) ** 2;
      results.push([
        page.name,
        place ? `${page.heading} › ${place.title.replace(`${page.title}.`, "")}` : page.heading,
        place?.anchor ?? "",
        null,
        score * share * page.weight,
        page.file,
        place ? "title" : "text",
      ]);
    });
    return results.sort((a, b) => a[4] - b[4]).slice(-SHOWN); // Sphinx takes them from the end
  };
};

Search._performSearch = (query) => {
  Search._ranked ??= ranking(Search._index);
  return Search._ranked(query);
};
