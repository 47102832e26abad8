/** 绘画之外的中文文字：分享、图库、图章、摄像头、模型信息。 */
export default {
  postcard: "绘图与结果合为一图",
  postcard_title: "绘图与结果合为一图",
  postcard_label: "绘图、箭头和 {model} 的结果",
  postcard_name: "标题（可留空）",
  postcard_save: "保存",
  postcard_copy: "复制",
  postcard_share: "分享…",
  error_share: "系统没有接收文件。请先保存，再自行发送。",

  examples: "已知的图片对",
  example_number: "已知图片对 {number}",
  models_title: "选择模型",

  about: "关于此模型",
  about_drawn: "转换对象",
  about_size: "训练尺寸",
  about_pairs: "训练图片对",
  about_seen: "已看图片数",
  about_started: "起始模型",
  about_imported: "导入自",
  about_scores: "评分",
  about_weights: "权重",
  about_millions: "{millions} 百万",
  about_licence: "训练图片的许可",
  about_no_licence: "未说明",
};
