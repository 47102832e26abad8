/** Texts in English of what goes beyond drawing: sharing, the galleries, stamps, the webcam, the model's facts. */
export default {
  postcard: "Drawing and result as one picture",
  postcard_title: "Drawing and result as one picture",
  postcard_label: "The drawing, an arrow, and the result of {model}",
  postcard_name: "Title (may stay empty)",
  postcard_save: "Save",
  postcard_copy: "Copy",
  postcard_share: "Share…",
  error_share: "The system did not take the file. Save it and send it from there.",

  examples: "Known pairs",
  example_number: "Known pair {number}",
  models_title: "Choose a model",
};
