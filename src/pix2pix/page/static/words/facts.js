/** What the package itself writes into a model, in other languages; names and the words of others stay as they are. */

/** @type {Record<string, [RegExp, string][]>} */
const FACTS = {
  zh: [
    [/^a model of ([\d,]+) images seen, with the discriminator$/, "已看过 $1 张图片的模型，连同判别器"],
    [/^MIT: a program of this package draws the pairs$/, "MIT：图片对由本软件包的程序绘制"],
  ],
};

/**
 * Return a fact in a language.
 * @param {string} fact
 * @param {string} language  code
 */
export function factIn(fact, language) {
  const [pattern, words] = FACTS[language]?.find(([known]) => known.test(fact)) ?? [fact, fact];
  return fact.replace(pattern, words);
}
