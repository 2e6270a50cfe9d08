"""Speech, video and image encoders with tiny random weights, and histograms of gradients."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from PIL import Image

from affectspace.errors import ConfigError, UnreadableItem
from affectspace.features import Item, make_backbone, remake_backbone
from affectspace.features.backbone import identity_of
from affectspace.features.backbones.pretrained import SMALL, threads_for


def saved(folder: Path, model_class: type, config: object) -> str:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model_class(config).save_pretrained(folder)  # type: ignore[call-arg]
    return str(folder)


@pytest.fixture(scope="module")
def speech(tmp_path_factory: pytest.TempPathFactory) -> str:
    from transformers import Data2VecAudioConfig, Data2VecAudioModel

    config = Data2VecAudioConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, conv_dim=(8, 8), conv_stride=(5, 4),
        conv_kernel=(10, 8), num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2, conv_pos_kernel_size=3,
    )  # fmt: skip
    return saved(tmp_path_factory.mktemp("speech") / "tiny", Data2VecAudioModel, config)


def test_speech_is_the_mean_over_time(speech: str, tmp_path: Path) -> None:
    from transformers import AutoModel

    sound = np.random.default_rng(0).standard_normal(8_000).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", sound, 16_000, subtype="FLOAT")
    backbone = make_backbone("audio", speech, seconds=0.4)
    loaded = backbone.load(Item("a", path=tmp_path / "a.wav"))
    assert len(loaded) == 6_400
    cut = sound[:6_400]
    wave = torch.from_numpy((cut - cut.mean()) / cut.std())[None]
    with torch.no_grad():
        expected = AutoModel.from_pretrained(speech).eval()(wave).last_hidden_state[0].mean(dim=0)
    second = loaded[:5_000]
    together = backbone.encode([loaded, second, loaded])
    np.testing.assert_allclose(together[0], expected.numpy(), atol=1e-5)
    np.testing.assert_allclose(together[1], backbone.encode([second])[0], atol=1e-5)


def test_speech_that_cannot_be_heard(speech: str, tiny_vit: str, tmp_path: Path) -> None:
    backbone = make_backbone("audio", speech)
    soundfile.write(tmp_path / "silent.wav", np.zeros(8_000), 16_000)
    soundfile.write(tmp_path / "short.wav", np.ones(100) * 0.1, 16_000)
    for name, reason in (("silent.wav", "the sound is silent"), ("short.wav", r"shorter than 0.025 s")):
        with pytest.raises(UnreadableItem, match=reason):
            backbone.load(Item("a", path=tmp_path / name))
    with pytest.raises(ConfigError, match="is a vit, which does not read sounds; give a speech encoder"):
        make_backbone("audio", tiny_vit)
    with pytest.raises(ConfigError, match="seconds is 0; a speech encoder needs more"):
        make_backbone("audio", speech, seconds=0)


WAVES = {
    "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "conv_dim": (8, 8),
    "conv_stride": (5, 4), "conv_kernel": (10, 8), "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2,
    "num_feat_extract_layers": 2,
}  # fmt: skip


@pytest.mark.parametrize("kind", ["Wav2Vec2", "Hubert", "WavLM"])
def test_other_models_of_waveforms(kind: str, tmp_path: Path) -> None:
    import transformers

    model_class = getattr(transformers, f"{kind}Model")
    folder = saved(tmp_path / "tiny", model_class, getattr(transformers, f"{kind}Config")(**WAVES))
    backbone = make_backbone("audio", folder)
    sounds = [np.random.default_rng(k).standard_normal(4_000 + 500 * k).astype(np.float32) for k in range(2)]
    vectors = backbone.encode(sounds)
    with torch.no_grad():
        hidden = model_class.from_pretrained(folder).eval()(torch.from_numpy(sounds[1])[None]).last_hidden_state
    np.testing.assert_allclose(vectors[1], hidden[0].mean(dim=0).numpy(), atol=1e-5)
    assert backbone.settings["seconds"] == 30


def test_whisper_is_cropped_to_the_sound(tmp_path: Path) -> None:
    from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperModel

    config = WhisperConfig(
        vocab_size=8, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
        encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=20, max_source_positions=100, pad_token_id=0, bos_token_id=1,
        eos_token_id=2, decoder_start_token_id=1,
    )  # fmt: skip
    folder = saved(tmp_path / "tiny", WhisperModel, config)
    backbone = make_backbone("audio", folder)
    assert (backbone.dimension, backbone.settings["seconds"]) == (16, 2)  # 100 steps of 20 ms
    sounds = [
        np.random.default_rng(k).standard_normal(size).astype(np.float32) * 0.1
        for k, size in enumerate((8_000, 16_100))
    ]
    vectors = backbone.encode(sounds)
    bands = WhisperFeatureExtractor(feature_size=20, chunk_length=2)(
        sounds[0], sampling_rate=16_000, return_tensors="pt"
    )
    with torch.no_grad():
        hidden = WhisperModel.from_pretrained(folder).eval().encoder(bands["input_features"]).last_hidden_state[0]
    assert hidden.shape == (100, 16)
    np.testing.assert_allclose(vectors[0], hidden[:25].mean(dim=0).numpy(), atol=1e-5)  # 0.5 s
    assert np.abs(vectors[0] - hidden.mean(dim=0).numpy()).max() > 1e-3
    soundfile.write(tmp_path / "long.wav", np.tile(sounds[0], 6), 16_000, subtype="FLOAT")
    loaded = backbone.load(Item("a", path=tmp_path / "long.wav"))
    np.testing.assert_allclose(loaded, np.tile(sounds[0], 4), atol=1e-6)  # two seconds, and not scaled
    np.testing.assert_allclose(backbone.encode([sounds[1]])[0], vectors[1], atol=1e-5)
    written = json.loads(json.dumps(identity_of(backbone)))
    assert remake_backbone(written).revision == backbone.revision


def test_video_is_the_first_token_of_all_frames(tiny_timesformer: Path) -> None:
    from transformers import AutoModel

    backbone = make_backbone("video", str(tiny_timesformer), crop=False)
    assert backbone.settings["frames"] == 4
    clips = np.random.default_rng(0).integers(0, 255, (2, 4, 16, 16, 3), dtype=np.uint8)
    pixels = (clips / 255 - np.array([0.485, 0.456, 0.406])) / np.array([0.229, 0.224, 0.225])
    with torch.no_grad():
        model = AutoModel.from_pretrained(str(tiny_timesformer)).eval()
        expected = model(torch.tensor(pixels.transpose(0, 1, 4, 2, 3), dtype=torch.float32)).last_hidden_state[:, 0]
    np.testing.assert_allclose(backbone.encode(list(clips)), expected.numpy(), atol=1e-5)
    still = backbone.encode([clips[0][:1]])
    np.testing.assert_allclose(still, backbone.encode([clips[0][:1].repeat(4, axis=0)]), atol=1e-6)
    with pytest.raises(ConfigError, match="was trained on 4 frames, not 8; leave out"):
        make_backbone("video", str(tiny_timesformer), frames=8)


def test_images_are_averaged_over_frames(tiny_vit: str, tmp_path: Path) -> None:
    backbone = make_backbone("video", tiny_vit, frames=3, crop=False)
    assert backbone.settings["mean"] == [0.5, 0.5, 0.5]
    clips = np.random.default_rng(0).integers(0, 255, (2, 3, 16, 16, 3), dtype=np.uint8)
    first, second = backbone.encode(list(clips))
    np.testing.assert_allclose(backbone.encode([clips[1]])[0], second, atol=1e-5)
    np.testing.assert_allclose(backbone.encode([clips[0][[2, 0, 1]]])[0], first, atol=1e-5)
    Image.fromarray(clips[0, 0]).resize((40, 30)).save(tmp_path / "a.png")
    picture = backbone.load(Item("a", path=tmp_path / "a.png"))
    assert picture.shape == (1, 16, 16, 3)
    mixed = backbone.encode([clips[1], picture])  # a clip and a picture in one batch
    np.testing.assert_allclose(mixed[0], second, atol=1e-5)
    np.testing.assert_allclose(mixed[1], backbone.encode([picture.repeat(3, axis=0)])[0], atol=1e-5)
    assert not backbone.counts
    cropping = make_backbone("video", tiny_vit, frames=2)
    cropping.load(Item("a", path=tmp_path / "a.png"))
    assert sum(cropping.counts.values()) == 1


def hub_cache(monkeypatch: pytest.MonkeyPatch, home: Path, name: str, folder: str, **files: object) -> Path:
    """Lay a folder out as the cache of the hub does, with more files as JSON; there is no network."""
    place = home / "hub" / f"models--{name.replace('/', '--')}"
    snapshot = place / "snapshots" / ("c0ffee" + "0" * 34)
    shutil.copytree(folder, snapshot)
    (snapshot / "preprocessor_config.json").unlink(missing_ok=True)
    for file, content in files.items():
        (snapshot / f"{file}.json").write_text(json.dumps(content))
    (place / "refs").mkdir()
    (place / "refs" / "main").write_text(snapshot.name)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(home / "hub"))  # HF_HOME is read at import
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return snapshot


PIXELS = {"image_mean": [0.1, 0.2, 0.3], "image_std": [0.6, 0.7, 0.8]}


@pytest.mark.parametrize("files", [{"preprocessor_config": PIXELS}, {"processor_config": {"image_processor": PIXELS}}])
def test_a_hub_name_scales_pixels_as_its_own_processor(
    files: dict, tiny_vit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshot = hub_cache(monkeypatch, tmp_path, "somebody/tiny-vit", tiny_vit, **files)
    faces = np.random.default_rng(0).integers(0, 255, (2, 1, 16, 16, 3), dtype=np.uint8)
    backbone = make_backbone("video", "somebody/tiny-vit")
    assert (backbone.settings["mean"], backbone.settings["deviation"]) == (PIXELS["image_mean"], PIXELS["image_std"])
    vectors = backbone.encode(list(faces))
    np.testing.assert_allclose(vectors, make_backbone("video", str(snapshot)).encode(list(faces)), atol=1e-6)
    assert np.abs(vectors - make_backbone("video", tiny_vit).encode(list(faces))).max() > 0.01


def test_a_hub_name_hears_as_its_own_extractor(speech: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = np.random.default_rng(0).standard_normal(4_000).astype(np.float32) * 0.1
    soundfile.write(tmp_path / "a.wav", sound, 8_000, subtype="FLOAT")
    extractor = {"sampling_rate": 8_000, "do_normalize": False}
    hub_cache(monkeypatch, tmp_path, "somebody/ears", speech, preprocessor_config=extractor)
    backbone = make_backbone("audio", "somebody/ears")
    assert (backbone.settings["rate"], backbone.settings["scaled"]) == (8_000, False)
    np.testing.assert_allclose(backbone.load(Item("a", path=tmp_path / "a.wav")), sound, atol=1e-6)
    assert not backbone.counts
    silent = make_backbone("audio", speech)
    silent.load(Item("a", path=tmp_path / "a.wav"))
    assert any("read at 16,000 Hz" in text for text in silent.counts)


def test_pixels_are_scaled_as_the_processors_of_transformers_do(tiny_vit: str, tmp_path: Path) -> None:
    from transformers import VivitImageProcessor

    frame = np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)
    for stated in (
        {"do_normalize": False},
        {"do_rescale": False, **PIXELS},
        {"rescale_factor": 1 / 127.5, "offset": True, **PIXELS},
    ):
        folder = tmp_path / str(len(stated))
        shutil.copytree(tiny_vit, folder)
        (folder / "preprocessor_config.json").write_text(json.dumps(stated))
        backbone = make_backbone("video", str(folder), crop=False)
        processor = VivitImageProcessor(
            do_resize=False, do_center_crop=False, **{"offset": False, "rescale_factor": 1 / 255} | stated
        )
        pixels = torch.as_tensor(np.array(processor([frame], return_tensors="np")["pixel_values"])[0])
        with torch.no_grad():
            expected = backbone.model(pixel_values=pixels.float()).last_hidden_state[:, 0]
        np.testing.assert_allclose(backbone.encode([frame[None]]), expected.numpy(), atol=1e-4)


def test_a_model_without_a_processor_says_which_values_are_used(
    tiny_timesformer: Path, tiny_vit: str, tmp_path: Path
) -> None:
    Image.new("RGB", (20, 20), "red").save(tmp_path / "a.png")
    backbone = make_backbone("video", str(tiny_timesformer), crop=False)
    backbone.load(Item("a", path=tmp_path / "a.png"))
    assert backbone.counts == {
        "pixels were scaled as for ImageNet, because tiny states no mean and deviation of pixels": 1
    }
    shutil.copytree(tiny_vit, tmp_path / "broken")
    (tmp_path / "broken" / "preprocessor_config.json").write_text("{")
    with pytest.raises(ConfigError, match=r"preprocessor_config.json is not valid JSON .* restore the file"):
        make_backbone("video", str(tmp_path / "broken"))


def test_a_text_encoder_sees_nothing(tmp_path: Path, speech: str) -> None:
    with pytest.raises(ConfigError, match="is a data2vec-audio, which does not read pictures"):
        make_backbone("video", speech)
    with pytest.raises(ConfigError, match=r"video encoder .* cannot be loaded"):
        make_backbone("video", str(tmp_path))


def test_what_a_store_says_of_them_is_json(speech: str, tiny_timesformer: Path, tiny_vit: str) -> None:
    for modality, folder in (("audio", speech), ("video", str(tiny_timesformer)), ("video", tiny_vit)):
        backbone = make_backbone(modality, folder)
        written = json.loads(json.dumps(identity_of(backbone)))
        assert remake_backbone(written).settings == backbone.settings


def test_little_is_computed_on_one_thread() -> None:
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        with threads_for(SMALL / 2):
            assert torch.get_num_threads() == 1
        with threads_for(SMALL * 2):
            assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="within"), threads_for(0):
            raise ValueError("within")
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)


def test_an_image_is_a_clip_of_one_frame(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    path = tmp_path / "face.png"
    Image.fromarray(random.integers(0, 255, (80, 64, 3), dtype=np.uint8)).save(path)
    backbone = make_backbone("video", "gradients", crop=False, frames=2)
    first = backbone.load(Item("a", path=path))
    assert backbone.encode([first, first]).shape == (2, backbone.dimension)
    assert backbone.dimension == 1568
    assert np.isfinite(first).all()
    assert first.std() > 0
    np.testing.assert_array_equal(first, backbone.load(Item("b", path=path)))


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="size 60"):
        make_backbone("video", "gradients", size=60)
    with pytest.raises(ConfigError, match="frames is 0"):
        make_backbone("video", "gradients", frames=0)
