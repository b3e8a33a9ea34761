// What makes a page wider than a window of this width: nothing, or how wide it is and the elements that stand over the edge.
(width) => {
  const page = document.documentElement;
  if (page.scrollWidth <= width) return [];
  const edge = (one) => Math.round(one.getBoundingClientRect().right);
  const over = [...document.querySelectorAll("body *")].filter((one) => edge(one) > width).slice(0, 8);
  return [`${page.scrollWidth} in ${width}`, ...over.map((one) => `${one.tagName}.${one.className} ${edge(one)}`)];
}
